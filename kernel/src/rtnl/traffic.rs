//! The requests that limit how fast packets leave a link, and lead those that arrive by one through another.

use netlink_packet_core::{DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::InfoKind;
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionGeneric, TcActionMirrorOption, TcActionOption,
    TcActionType, TcAttribute, TcFilterU32Option, TcHandle, TcMessage, TcMirror,
    TcMirrorActionType, TcOption, TcU32Key, TcU32Selector, TcU32SelectorFlags,
};
use rnet_model::{Intake, RateLimit};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::Request;
use crate::mark;

/// The one bucket of a link.
const BUCKET: TcHandle = TcHandle { major: 1, minor: 0 };
/// What hangs on the entrance of a link.
const ENTRANCE: TcHandle = TcHandle {
    major: u16::MAX,
    minor: 0,
};
/// include/uapi/linux/pkt_sched.h: the parts of a token bucket's options, and the layer that sizes are counted at.
const TBF_PARMS: u16 = 1;
const TBF_RATE64: u16 = 4;
const TBF_BURST: u16 = 6;
const LINKLAYER_ETHERNET: u8 = 1;
/// A filter's place and the packets it sees (`TC_H_MAKE`, include/uapi/linux/if_ether.h: ETH_P_ALL).
const EVERY_PACKET: u32 = 1 << 16 | (3_u16.to_be() as u32);

/// The link in between is made, up and marked.
pub(crate) fn make_intake(intake: &Intake) -> Request {
    let message = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(InfoKind::Ifb)
        .name(intake.name.to_string())
        .link_group(mark::GROUP)
        .up()
        .build();
    Request::new(RouteNetlinkMessage::NewLink(message), super::request::MAKE)
}

/// A link's packets leave it no faster than that.
pub(crate) fn limit(link: u32, limit: RateLimit) -> Request {
    let rate = u32::try_from(limit.byte_rate()).unwrap_or(u32::MAX);
    // struct tc_tbf_qopt: two struct tc_ratespec, then the queue, the bucket and the peak's bucket
    let mut parms = Vec::with_capacity(36);
    parms.extend([0, LINKLAYER_ETHERNET]);
    parms.extend([0; 6]);
    parms.extend(rate.to_ne_bytes());
    parms.extend([0; 12]);
    parms.extend(limit.queue_bytes().to_ne_bytes());
    parms.extend([0; 8]);
    let option = |kind, value| TcOption::Other(DefaultNla::new(kind, value));
    let options = vec![
        option(TBF_PARMS, parms),
        option(TBF_BURST, limit.burst_bytes().to_ne_bytes().to_vec()),
        option(TBF_RATE64, limit.byte_rate().to_ne_bytes().to_vec()),
    ];
    let mut message = on(link, "tbf", BUCKET, TcHandle::ROOT);
    message.attributes.push(TcAttribute::Options(options));
    Request::new(RouteNetlinkMessage::NewQueueDiscipline(message), REPLACE)
}

/// A link's packets leave it as fast as they can.
pub(crate) fn unlimit(link: u32) -> Request {
    let message = on(link, "tbf", BUCKET, TcHandle::ROOT);
    Request::new(
        RouteNetlinkMessage::DelQueueDiscipline(message),
        NLM_F_REQUEST,
    )
}

/// A link gets an entrance, on which filters can be.
pub(crate) fn make_entrance(link: u32) -> Request {
    let message = on(link, "ingress", ENTRANCE, TcHandle::INGRESS);
    Request::new(RouteNetlinkMessage::NewQueueDiscipline(message), REPLACE)
}

/// It goes with all filters on it.
pub(crate) fn delete_entrance(link: u32) -> Request {
    let message = on(link, "ingress", ENTRANCE, TcHandle::INGRESS);
    Request::new(
        RouteNetlinkMessage::DelQueueDiscipline(message),
        NLM_F_REQUEST,
    )
}

/// Every packet that comes in by a link goes out by another first.
///
/// The filter is of the kind u32, which every kernel with any filter has; it compares no bits.
pub(crate) fn redirect(link: u32, to: u32) -> Request {
    let mut selector = TcU32Selector::default();
    selector.flags = TcU32SelectorFlags::Terminal;
    selector.nkeys = 1;
    selector.keys = vec![TcU32Key::default()];
    let mut generic = TcActionGeneric::default();
    generic.action = TcActionType::Stolen;
    let mut mirror = TcMirror::default();
    mirror.generic = generic;
    mirror.eaction = TcMirrorActionType::EgressRedir;
    mirror.ifindex = to;
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind("mirred".to_owned()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(
            mirror,
        ))]),
    ];
    let mut message = on(link, "u32", TcHandle::UNSPEC, ENTRANCE);
    message.header.info = EVERY_PACKET;
    message.attributes.push(TcAttribute::Options(vec![
        TcOption::U32(TcFilterU32Option::Selector(selector)),
        TcOption::U32(TcFilterU32Option::Action(vec![action])),
    ]));
    Request::new(
        RouteNetlinkMessage::NewTrafficFilter(message),
        NLM_F_REQUEST | NLM_F_CREATE,
    )
}

const REPLACE: u16 = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;

fn on(link: u32, kind: &str, handle: TcHandle, parent: TcHandle) -> TcMessage {
    let mut message = TcMessage::default();
    // the kernel numbers links from 1 on in an int
    message.header.index = i32::try_from(link).unwrap_or(0);
    message.header.handle = handle;
    message.header.parent = parent;
    message.attributes.push(TcAttribute::Kind(kind.to_owned()));
    message
}
