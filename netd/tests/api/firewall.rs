//! What becomes of the firewall in others' hands.

use std::time::Duration;

use crate::host::TestHost;

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_that_others_flush_is_restored_each_time() {
    let host = TestHost::new();
    let whole = host.machine.policy();
    assert!(whole.is_some());
    for _ in 0..3 {
        host.machine.flush_table();
        while host.machine.policy().is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(host.machine.policy(), whole);
    }
}
