//! Vectors in a Qdrant. Needs a server: `POLYSIGHT_TEST_QDRANT=http://HOST:PORT` (`.ci/qdrant` starts a stand-in); without it
//! these tests say so and pass.

use std::cell::RefCell;

use index::{Attributes, Entry, IndexError, IndexServer, Query, Space, VectorIndex};
use store::Qdrant;

/// Indexes of a test, which go with it.
struct Scene {
    server: Qdrant,
    names: RefCell<Vec<String>>,
}

impl Scene {
    fn open(&self, name: &str, space: &Space) -> Result<Box<dyn VectorIndex>, IndexError> {
        // Other runs may use the same server.
        let name = format!("test_{}_{name}", std::process::id());
        self.names.borrow_mut().push(name.clone());
        self.server.open(&name, space)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for name in self.names.get_mut() {
            // A test that failed has said more than this would.
            let _what_is_left = self.server.remove(name);
        }
    }
}

fn on_qdrant(test: fn(&Scene)) {
    #[expect(clippy::disallowed_methods, reason = "tests have no command line")]
    let Ok(server) = std::env::var("POLYSIGHT_TEST_QDRANT") else {
        eprintln!("skipped: POLYSIGHT_TEST_QDRANT names no server");
        return;
    };
    test(&Scene { server: Qdrant::new(&server, None).unwrap(), names: RefCell::default() });
}

fn space(dimensions: usize) -> Space {
    Space { model: "test".into(), fingerprint: "fp_test".into(), dimensions }
}

#[test]
fn a_collection_does_what_every_index_does() {
    on_qdrant(|scene| {
        index::conformance(&|space| {
            let name = format!("suite{}", scene.names.borrow().len());
            scene.open(&name, space).unwrap()
        });
    });
}

#[test]
fn a_collection_belongs_to_one_model_and_is_there_for_every_server() {
    on_qdrant(|scene| {
        let (one, other) =
            (scene.open("a", &space(3)).unwrap(), scene.open("a", &space(3)).unwrap());
        let none = Attributes::new();
        one.put(&[Entry { id: "x", vector: &[1.0, 0.0, 0.0], attributes: &none }]).unwrap();
        assert_eq!(other.search(&Query::nearest(&[0.5, 0.0, 0.0], 2)).unwrap()[0].product, 0.5);
        let stranger = Space { fingerprint: "fp_other".into(), ..space(3) };
        assert!(matches!(scene.open("a", &stranger), Err(IndexError::OtherSpace { .. })));
        for name in ["", "A", "a b", "a/../b", &"a".repeat(41)] {
            let opened = scene.server.open(name, &space(3));
            assert!(matches!(opened, Err(IndexError::Backend(_))), "{name:?}");
        }
        let name = scene.names.borrow()[0].clone();
        scene.server.remove(&name).unwrap();
        scene.server.remove(&name).unwrap();
        let gone = one.count().unwrap_err().to_string();
        assert!(gone.contains("is gone"), "{gone}");
        assert_eq!(scene.open("a", &stranger).unwrap().count().unwrap(), 0);
    });
}

#[test]
fn more_than_a_request_takes_is_put_in_parts() {
    on_qdrant(|scene| {
        let index = scene.open("many", &space(4)).unwrap();
        // 18 MB of attributes, and as much of what filters look at.
        let attributes = Attributes::from([("a".to_owned(), "x".repeat(60_000).as_str().into())]);
        let ids = (0..300).map(|number| format!("{number}")).collect::<Vec<_>>();
        let vector = [0.5; 4];
        let entries = ids.iter().map(|id| Entry { id, vector: &vector, attributes: &attributes });
        index.put(&entries.collect::<Vec<_>>()).unwrap();
        assert_eq!(index.count().unwrap(), 300);
        let ids = ids.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(index.remove(&ids).unwrap(), 300);
    });
}

#[test]
fn whoever_does_not_answer_is_named() {
    // Nobody listens there.
    let server = Qdrant::new("http://127.0.0.1:9", Some("secret".to_owned())).unwrap();
    let error = server.open("a", &space(3)).err().expect("nobody answers").to_string();
    assert!(error.contains("http://127.0.0.1:9") && !error.contains("secret"), "{error}");
}
