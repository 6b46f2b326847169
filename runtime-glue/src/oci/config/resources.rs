//! What a container may use up (config-linux.md, Control groups), as `config.json` and `update` have it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::device::Access;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct Resources {
    pub(in crate::oci) devices: Vec<DeviceRule>,
    pub(in crate::oci) memory: Memory,
    pub(in crate::oci) cpu: Cpu,
    pub(in crate::oci) pids: Pids,
    #[serde(rename = "blockIO")]
    pub(in crate::oci) block_io: BlockIo,
    pub(in crate::oci) hugepage_limits: Vec<HugepageLimit>,
    pub(in crate::oci) network: Network,
    pub(in crate::oci) rdma: BTreeMap<String, Rdma>,
    pub(in crate::oci) unified: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct DeviceRule {
    pub(in crate::oci) allow: bool,
    #[serde(rename = "type")]
    pub(in crate::oci) kind: Option<String>,
    pub(in crate::oci) major: Option<i64>,
    pub(in crate::oci) minor: Option<i64>,
    pub(in crate::oci) access: Option<Access>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct Memory {
    pub(in crate::oci) limit: Option<i64>,
    pub(in crate::oci) reservation: Option<i64>,
    pub(in crate::oci) swap: Option<i64>,
    pub(in crate::oci) kernel: Option<i64>,
    #[serde(rename = "kernelTCP")]
    pub(in crate::oci) kernel_tcp: Option<i64>,
    pub(in crate::oci) swappiness: Option<u64>,
    #[serde(rename = "disableOOMKiller")]
    pub(in crate::oci) disable_oom_killer: Option<bool>,
    pub(in crate::oci) use_hierarchy: Option<bool>,
    pub(in crate::oci) check_before_update: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct Cpu {
    pub(in crate::oci) shares: Option<u64>,
    pub(in crate::oci) quota: Option<i64>,
    pub(in crate::oci) burst: Option<u64>,
    pub(in crate::oci) period: Option<u64>,
    pub(in crate::oci) realtime_runtime: Option<i64>,
    pub(in crate::oci) realtime_period: Option<u64>,
    pub(in crate::oci) cpus: Option<String>,
    pub(in crate::oci) mems: Option<String>,
    pub(in crate::oci) idle: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::oci) struct Pids {
    pub(in crate::oci) limit: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct BlockIo {
    pub(in crate::oci) weight: Option<u16>,
    pub(in crate::oci) leaf_weight: Option<u16>,
    pub(in crate::oci) weight_device: Vec<WeightDevice>,
    pub(in crate::oci) throttle_read_bps_device: Vec<ThrottleDevice>,
    pub(in crate::oci) throttle_write_bps_device: Vec<ThrottleDevice>,
    #[serde(rename = "throttleReadIOPSDevice")]
    pub(in crate::oci) throttle_read_iops_device: Vec<ThrottleDevice>,
    #[serde(rename = "throttleWriteIOPSDevice")]
    pub(in crate::oci) throttle_write_iops_device: Vec<ThrottleDevice>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::oci) struct WeightDevice {
    pub(in crate::oci) major: u32,
    pub(in crate::oci) minor: u32,
    pub(in crate::oci) weight: Option<u16>,
    pub(in crate::oci) leaf_weight: Option<u16>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct ThrottleDevice {
    pub(in crate::oci) major: u32,
    pub(in crate::oci) minor: u32,
    pub(in crate::oci) rate: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::oci) struct HugepageLimit {
    pub(in crate::oci) page_size: String,
    pub(in crate::oci) limit: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::oci) struct Network {
    #[serde(rename = "classID")]
    pub(in crate::oci) class_id: Option<u32>,
    pub(in crate::oci) priorities: Vec<InterfacePriority>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::oci) struct InterfacePriority {
    pub(in crate::oci) name: String,
    pub(in crate::oci) priority: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(in crate::oci) struct Rdma {
    pub(in crate::oci) hca_handles: Option<u32>,
    pub(in crate::oci) hca_objects: Option<u32>,
}
