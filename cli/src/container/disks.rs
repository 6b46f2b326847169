//! How a container's use of single disks is bounded: options of `run` and `create`.

use std::str::FromStr;

use bollard::models::{HostConfig, ResourcesBlkioWeightDevice, ThrottleDevice};
use clap::Args;

use crate::parse::Refused;
use crate::parse::units::Bytes;

/// How its use of single disks is bounded.
#[derive(Args)]
#[command(next_help_heading = "Resources")]
pub(crate) struct Disks {
    /// Weigh it among others that want this disk, 10 to 1000
    #[arg(long, value_name = "DEVICE:WEIGHT")]
    blkio_weight_device: Vec<OfDevice<Count>>,
    /// Read no more from this disk in a second
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_read_bps: Vec<OfDevice<Bytes>>,
    /// Write no more to this disk in a second
    #[arg(long, value_name = "DEVICE:BYTES")]
    device_write_bps: Vec<OfDevice<Bytes>>,
    /// Read no oftener from this disk in a second
    #[arg(long, value_name = "DEVICE:NUMBER")]
    device_read_iops: Vec<OfDevice<Count>>,
    /// Write no oftener to this disk in a second
    #[arg(long, value_name = "DEVICE:NUMBER")]
    device_write_iops: Vec<OfDevice<Count>>,
}

/// A number of something.
#[derive(Clone, Debug)]
struct Count(u32);

/// A value for one device.
#[derive(Clone, Debug)]
struct OfDevice<T> {
    path: String,
    value: T,
}

impl Disks {
    /// Writes them into what a container is created with.
    pub(crate) fn set(self, host: &mut HostConfig) {
        let weights = self.blkio_weight_device.into_iter();
        let weights = weights.map(|it| ResourcesBlkioWeightDevice {
            path: Some(it.path),
            weight: Some(it.value.0 as usize),
        });
        host.blkio_weight_device = Some(weights.collect()).filter(|it: &Vec<_>| !it.is_empty());
        host.blkio_device_read_bps = throttles(self.device_read_bps, |it| it.0);
        host.blkio_device_write_bps = throttles(self.device_write_bps, |it| it.0);
        host.blkio_device_read_iops = throttles(self.device_read_iops, |it| it.0.into());
        host.blkio_device_write_iops = throttles(self.device_write_iops, |it| it.0.into());
    }
}

fn throttles<T>(devices: Vec<OfDevice<T>>, rate: fn(T) -> i64) -> Option<Vec<ThrottleDevice>> {
    let throttles = devices.into_iter().map(|it| ThrottleDevice {
        path: Some(it.path),
        rate: Some(rate(it.value)),
    });
    Some(throttles.collect()).filter(|it: &Vec<_>| !it.is_empty())
}

impl<T: FromStr<Err = Refused>> FromStr for OfDevice<T> {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let parts = text.rsplit_once(':').filter(|it| it.0.starts_with("/dev/"));
        let (path, value) = parts.ok_or_else(|| Refused::new("write /dev/DEVICE:VALUE"))?;
        Ok(Self {
            path: path.to_owned(),
            value: value.parse()?,
        })
    }
}

impl FromStr for Count {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let number = text.parse().map(Self);
        number.map_err(|_| Refused::new("the value is a number"))
    }
}
