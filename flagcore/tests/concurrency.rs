//! Readers and a writer side by side.

use flagcore::Client;
use flagcore::model::Format;

#[test]
fn an_update_frees_what_it_replaced() {
    let client =
        Client::builder().bytes("flags", "{\"flags\": {}}", Format::Json).watch(false).build().unwrap();
    assert_eq!(client.snapshots_alive(), 1);
    client.update("flags", "{\"flags\": {}, \"metadata\": {}}", Format::Json).unwrap();
    assert_eq!(client.snapshots_alive(), 1);
}
