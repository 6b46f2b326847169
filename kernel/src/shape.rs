//! Limits of what leaves by a link, and of what arrives by one.

use rnet_model::{IfName, Intake, Resource, Shaper};

use crate::error::KernelError;
use crate::outcome::{index, refused};
use crate::rtnl::{Refusal, Request, Rtnetlink, traffic};

/// The kernel's words for a limit that is not there: none at all, another one, no link.
const ABSENT: [i32; 3] = [libc::ENOENT, libc::EINVAL, libc::ENODEV];

/// What leaves by a link is limited.
pub(crate) fn shape(
    host: &mut Rtnetlink,
    resource: &Resource,
    shaper: &Shaper,
) -> Result<(), KernelError> {
    let link = index(host, resource, &shaper.link)?;
    let limited = host.request(traffic::limit(link, shaper.limit));
    limited.map_err(|source| refused(resource, source))
}

/// What leaves by a link is not limited any more.
pub(crate) fn unshape(host: &mut Rtnetlink, shaper: &Shaper) -> Result<(), Refusal> {
    unless_absent(host, &shaper.link, traffic::unlimit)
}

/// What arrives by a link takes the way through the one in between, which is there.
///
/// The entrance is made anew, so that there is one filter on it, whatever was there before.
pub(crate) fn take_in(
    host: &mut Rtnetlink,
    resource: &Resource,
    intake: &Intake,
) -> Result<(), KernelError> {
    let link = index(host, resource, &intake.link)?;
    let between = index(host, resource, &intake.name)?;
    let failed = |source| refused(resource, source);
    let_in(host, intake).map_err(failed)?;
    let requests = vec![
        traffic::limit(between, intake.limit),
        traffic::make_entrance(link),
        traffic::redirect(link, between),
    ];
    let refusals = host.send(requests).map_err(failed)?;
    match refusals.into_iter().next() {
        Some(it) => Err(failed(it.refusal)),
        None => Ok(()),
    }
}

/// What arrives by a link takes the straight way again.
pub(crate) fn let_in(host: &mut Rtnetlink, intake: &Intake) -> Result<(), Refusal> {
    unless_absent(host, &intake.link, traffic::delete_entrance)
}

fn unless_absent(
    host: &mut Rtnetlink,
    link: &IfName,
    request: impl Fn(u32) -> Request,
) -> Result<(), Refusal> {
    let Some(link) = host.index(link)? else {
        return Ok(());
    };
    match host.request(request(link)) {
        Err(refusal) if !ABSENT.contains(&refusal.errno()) => Err(refusal),
        _ => Ok(()),
    }
}
