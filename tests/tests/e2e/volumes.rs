//! What outlives containers: volumes.

use anyhow::Result;

use crate::{idle, on_lab};

#[test]
fn two_containers_share_a_volume_one_of_them_only_reads_it() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "-v data:/data")?;
        idle(lab, "c2", "-v data:/data:ro")?;
        lab.host("rnet exec c1 sh -c 'echo kept > /data/file'")?;
        assert_eq!(lab.host("rnet exec c2 cat /data/file")?, "kept");
        let refused = lab.try_host("rnet exec c2 touch /data/file")?;
        assert!(refused.stderr.contains("Read-only"), "{}", refused.stderr);

        let refused = lab.try_host("rnet volume rm data")?;
        assert!(refused.stderr.contains("volume is in use"));
        lab.host("rnet rm -f c1 c2")?;
        lab.kill_netd()?;
        lab.start_netd()?;
        let kept = "rnet run --rm -v data:/data busybox cat /data/file";
        assert_eq!(lab.host(kept)?, "kept");
        let place = lab.host("rnet volume inspect -f '{{.Mountpoint}}' data")?;
        assert_eq!(lab.host(&format!("cat {place}/file"))?, "kept");
        lab.host("rnet volume rm data")?;
        assert_ne!(lab.try_host(&format!("test -e {place}"))?.code, 0);
        let gone = lab.try_host("rnet volume inspect data")?;
        assert!(gone.stderr.contains("no such volume"), "{}", gone.stderr);
        Ok(())
    })
}

#[test]
fn an_empty_volume_begins_with_what_the_image_has_there() -> Result<()> {
    on_lab(|lab| {
        let listed = "rnet run --rm -v programs:/bin busybox ls -ln /bin";
        let image = lab.host("rnet run --rm busybox ls -ln /bin")?;
        assert_eq!(lab.host(listed)?, image);
        // once it holds something of its own, the image's is not added
        lab.host("rnet run --rm -v own:/bin:nocopy -v programs:/programs busybox true")
            .unwrap_err();
        lab.host("rnet run --rm -v own:/own busybox touch /own/file")?;
        let missing = lab.try_host("rnet run --rm -v own:/bin busybox true")?;
        assert_eq!(missing.code, 127, "{}", missing.stderr);
        lab.host("rnet volume rm programs own")?;
        Ok(())
    })
}

#[test]
fn a_volume_without_a_name_goes_with_its_container_when_asked() -> Result<()> {
    on_lab(|lab| {
        idle(lab, "c1", "-v /scratch")?;
        assert_eq!(lab.host("rnet volume ls -q")?.lines().count(), 1);
        lab.host("rnet run --rm --volumes-from c1 busybox touch /scratch/file")?;
        assert_eq!(lab.host("rnet exec c1 ls /scratch")?, "file");
        lab.host("rnet rm -f c1")?;
        assert_eq!(lab.host("rnet volume ls -q")?.lines().count(), 1);
        lab.host("rnet volume prune -f")?;
        lab.host("rnet run --rm -v /scratch busybox true")?;
        assert_eq!(lab.host("rnet volume ls -q")?, "");
        Ok(())
    })
}
