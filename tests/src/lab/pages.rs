//! What the machine outside serves: a page, and names.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};

use super::{Lab, eventually};
use crate::world::OUTSIDE;

/// The address of the page that tells who asks for it.
pub const WHOAMI: &str = "http://192.0.2.2/cgi-bin/whoami";

/// The asker's address comes as `[::ffff:ADDRESS]`.
const SCRIPT: &str = "#!/bin/sh
echo
them=${REMOTE_ADDR##*:}
echo \"you are ${them%]}\"
";

impl Lab {
    /// Serves [`WHOAMI`] on the machine outside.
    pub fn serve_whoami(&self) -> Result<()> {
        let pages = self.directory().join("pages");
        let page = pages.join("cgi-bin/whoami");
        let made = || {
            fs::create_dir_all(pages.join("cgi-bin"))?;
            fs::write(&page, SCRIPT)?;
            fs::set_permissions(&page, fs::Permissions::from_mode(0o755))
        };
        made().with_context(|| format!("cannot make {}", page.display()))?;
        let pages = pages.display();
        self.serve_outside(&format!("busybox httpd -f -p {OUTSIDE}:80 -h {pages}"))?;
        eventually(|| self.host(&format!("busybox wget -qO- {WHOAMI}"))).map(drop)
    }

    /// Serves names on the machine outside, which the lab host's resolv.conf has as its name server.
    pub fn serve_names(&self) -> Result<()> {
        self.serve_outside(&format!("rnet-lab name-server {OUTSIDE}"))?;
        eventually(|| self.host("busybox nslookup -type=a any.example")).map(drop)
    }
}
