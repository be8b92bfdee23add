//! The Milvus half: the whole suite on the server that SIMCLR_TEST_MILVUS names.

use simclr_search::{Limits, MilvusStore};

use super::everything;

#[test]
fn a_milvus_server_conforms() {
    let Ok(address) = std::env::var("SIMCLR_TEST_MILVUS") else {
        eprintln!(
            "SKIPPED: SIMCLR_TEST_MILVUS names no Milvus server, so none was tested; run tools/milvus/run"
        );
        return;
    };
    let store = MilvusStore::connect(&address, None, Limits::default()).expect("Milvus answers");
    everything(&store);
}
