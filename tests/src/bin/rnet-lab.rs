//! What a lab is made by: a program with a single thread, as entering namespaces demands.

use anyhow::{Context, Result, bail};
use rnet_tests::world;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let role = arguments
        .next()
        .context("rnet-lab is started by a Lab, not by hand")?;
    match role.as_str() {
        "keeper" => world::keeper(&arguments.next().context("which control group?")?),
        "host" => world::host(),
        "outside" => world::outside(),
        "name-server" => world::name_server::serve(&arguments.next().context("which address?")?),
        "asker" => world::asker::ask(
            &arguments.next().context("which name?")?,
            &arguments.next().context("until which file is there?")?,
        ),
        "datagram-server" => world::datagrams::serve(
            &arguments.next().context("which address?")?,
            &arguments.next().context("which name?")?,
        ),
        "datagram-client" => world::datagrams::ask(
            &arguments.next().context("from which address?")?,
            &arguments.next().context("which server?")?,
        ),
        role => bail!("a lab has no role {role}"),
    }
}
