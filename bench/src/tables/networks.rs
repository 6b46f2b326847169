//! Creating networks, with many present.

use anyhow::Result;
use rnet_kernel::{Kernel, Netlink};
use tempfile::TempDir;

use crate::contestant::{Contestant, Rnet};
use crate::cost::{self, Cost, measure, ratio};
use crate::report::{self, progress, time};
use crate::scale::Scale;
use crate::world::World;

/// How much dearer a network may be with the most present than with the fewest, the floor's growth left aside.
const GROWTH: f64 = 1.5;

pub(super) fn run(scale: Scale) -> Result<()> {
    let sizes = scale.pick(&[0, 2][..], &[0, 1_000, 3_000], &[0, 1_000, 3_000]);
    let repetitions = scale.pick(2, 30, 30);
    report::title("Create a network");
    println!(
        "A bridge network with an automatic subnet. The floor is to make what it consists of: the same bridge, with the\n\
         same settings and address, by rnet's hands without a daemon.\n"
    );
    let rnet = Rnet::new()?;
    let world = World::new()?;
    let run_dir = TempDir::new_in("/run")?;
    world.enter()?;
    let hands = Netlink::open(run_dir.path())?;
    let mut table = report::table(&["present", "who", "time", "CPU", "× floor"]);
    let mut ratios = Vec::new();
    let mut present = 0;
    for &size in sizes {
        let mut costs = [Vec::new(), Vec::new()];
        while present < size + repetitions {
            if present % 500 == 0 {
                progress(format_args!("networks: {present} present"));
            }
            let name = format!("n{present}");
            let of_rnet = measure_if(present >= size, || rnet.create_network(&name))?;
            let resources = rnet.resources_of(&name)?;
            world.enter()?;
            let of_floor = measure_if(present >= size, || Ok(hands.ensure_all(&resources)?))?;
            costs[0].extend(of_floor);
            costs[1].extend(of_rnet);
            present += 1;
        }
        let [floor, of_rnet] = costs.each_ref().map(|costs| cost::median(costs));
        for (who, cost) in [("floor".to_owned(), floor), (rnet.name(), of_rnet)] {
            let times = ratio(cost.wall, floor.wall);
            table.add_row([
                size.to_string(),
                who,
                time(cost.wall),
                time(cost.cpu),
                format!("{times:.2}"),
            ]);
        }
        ratios.push(ratio(of_rnet.wall, floor.wall));
    }
    println!("{table}\n");
    let growth = ratios.last().unwrap_or(&1.0) / ratios.first().unwrap_or(&1.0);
    let goal = format!("× floor grows by less than {GROWTH}");
    report::goal(&goal, growth < GROWTH, format_args!("{growth:.2}"));
    Ok(())
}

fn measure_if(measured: bool, work: impl FnOnce() -> Result<()>) -> Result<Option<Cost>> {
    match measured {
        true => measure(work).map(Some),
        false => work().map(|()| None),
    }
}
