//! What is on the disk: kept whatever happens, refused when it is not ours.

use std::path::Path;

use index::{
    Access, Attributes, Embedded, Entry, IndexError, Query, ROWS_PER_CHUNK, Space, Stored,
    VectorIndex,
};
use kernels::Isa;

use crate::data::{clustered, space, stored};

fn create(folder: &Path, dimensions: usize) -> Embedded {
    Embedded::create(folder, &space(dimensions), Isa::detect()).expect("an index")
}

fn read(folder: &Path) -> Result<Embedded, IndexError> {
    Embedded::open(folder, Access::Read, Isa::detect())
}

fn put(index: &Embedded, rows: &[Stored]) {
    index.put(&rows.iter().map(Stored::entry).collect::<Vec<_>>()).expect("rows are put");
}

fn everything(index: &Embedded) -> Vec<Stored> {
    index.page(None, usize::MAX).expect("a page")
}

#[test]
fn it_is_the_same_after_it_was_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = stored(clustered(ROWS_PER_CHUNK + 300, 16, 1));
    let index = create(folder.path(), 16);
    put(&index, &rows);
    index.remove(&["000005"]).unwrap();
    rows.remove(5);
    let attributes = Attributes::from([("new".to_owned(), true.into())]);
    index.set_attributes("000007", &attributes).unwrap();
    rows[6].attributes = attributes;
    assert_eq!(everything(&index), rows);
    let query = &clustered(1, 16, 2)[0];
    let hits = index.search(&Query::nearest(query, 20)).unwrap();
    drop(index);
    let again = read(folder.path()).unwrap();
    assert_eq!(everything(&again), rows);
    assert_eq!(again.search(&Query::nearest(query, 20)).unwrap(), hits);
}

#[test]
fn pages_come_in_the_order_of_the_ids_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let index = create(folder.path(), 16);
    let mut rows = stored(clustered(5, 16, 1));
    for (row, id) in rows.iter_mut().zip(["ä", "b", "a/b", "B", "a"]) {
        row.id = id.to_owned();
    }
    put(&index, &rows);
    let ids = |after: &str| {
        let page = index.list(Some(after), 9).unwrap();
        page.into_iter().map(|listed| listed.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(""), ["B", "a", "a/b", "b", "ä"]);
    // Also behind what is not there.
    assert_eq!(ids("a/c"), ["b", "ä"]);
}

/// Whatever of the log is on the disk when a write is cut short, the writes before it are there, and it is or is not.
#[test]
fn a_log_that_ends_anywhere_is_that_of_an_earlier_moment() {
    let folder = tempfile::tempdir().unwrap();
    let rows = stored(clustered(6, 8, 1));
    let index = create(folder.path(), 8);
    let log = folder.path().join("1/log");
    let mut moments = vec![(fs_err::metadata(&log).unwrap().len(), everything(&index))];
    let mut after = |moment: &dyn Fn()| {
        moment();
        moments.push((fs_err::metadata(&log).unwrap().len(), everything(&index)));
    };
    after(&|| put(&index, &rows[..3]));
    after(&|| put(&index, &rows[3..5]));
    after(&|| assert_eq!(index.remove(&["000001"]).unwrap(), 1));
    after(&|| put(&index, &[Stored { vector: rows[5].vector.clone(), ..rows[0].clone() }]));
    after(&|| assert!(index.set_attributes("000002", &Attributes::new()).unwrap()));
    drop(index);
    let (rows_file, whole) = (folder.path().join("1/000000.rows"), fs_err::read(&log).unwrap());
    let numbers = fs_err::read(&rows_file).unwrap();
    for end in 0..=whole.len() {
        for tail in [&[][..], &[0; 40], &[0xFF; 9]] {
            fs_err::write(&log, [&whole[..end], tail].concat()).unwrap();
            let last = moments.iter().rev().find(|(length, _)| *length <= end as u64);
            let found = read(folder.path()).map(|index| everything(&index));
            match last {
                Some((_, rows)) => assert_eq!(&found.unwrap(), rows, "{end}"),
                // The index was never there.
                None => assert!(found.is_err()),
            }
            if last.is_some() && tail.len() == 9 {
                let index = Embedded::open(folder.path(), Access::Write, Isa::detect()).unwrap();
                let mut wanted = everything(&index);
                put(&index, &rows[5..]);
                wanted.push(rows[5].clone());
                drop(index);
                assert_eq!(everything(&read(folder.path()).unwrap()), wanted, "{end}");
                fs_err::write(&rows_file, &numbers).unwrap();
            }
        }
    }
}

#[test]
fn a_damaged_record_ends_the_log_and_hides_nothing_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let rows = stored(clustered(4, 8, 1));
    let index = create(folder.path(), 8);
    put(&index, &rows[..2]);
    let log = folder.path().join("1/log");
    let good = fs_err::metadata(&log).unwrap().len() as usize;
    put(&index, &rows[2..]);
    drop(index);
    let whole = fs_err::read(&log).unwrap();
    for at in good..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs_err::write(&log, bytes).unwrap();
        assert_eq!(everything(&read(folder.path()).unwrap()), rows[..2], "{at}");
    }
}

#[test]
fn sketches_that_are_missing_or_damaged_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    put(&create(folder.path(), 16), &stored(clustered(2 * ROWS_PER_CHUNK + 5, 16, 1)));
    let path = folder.path().join("1/000001.sketches");
    let whole = fs_err::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[1000] ^= 1;
    let query = &clustered(1, 16, 2)[0];
    let search = |index: &Embedded| index.search(&Query::nearest(query, 10)).unwrap();
    let hits = search(&read(folder.path()).unwrap());
    for content in [&damaged[..], &whole[..50], &[]] {
        fs_err::write(&path, content).unwrap();
        assert_eq!(search(&read(folder.path()).unwrap()), hits);
        // A reader leaves the file alone.
        assert_eq!(fs_err::read(&path).unwrap(), content);
    }
    fs_err::remove_file(&path).unwrap();
    assert_eq!(search(&create(folder.path(), 16)), hits);
    assert_eq!(fs_err::read(&path).unwrap(), whole);
}

#[test]
fn one_process_writes_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read(folder.path()), Err(IndexError::Missing { .. })));
    let index = create(folder.path(), 8);
    let rows = stored(clustered(3, 8, 1));
    put(&index, &rows);
    let second = Embedded::create(folder.path(), &space(8), Isa::detect());
    assert!(matches!(second, Err(IndexError::Locked { .. })));
    let reader = read(folder.path()).unwrap();
    assert_eq!(everything(&reader), rows);
    assert!(matches!(reader.remove(&["000001"]), Err(IndexError::ReadOnly)));
    assert!(matches!(reader.put(&[rows[0].entry()]), Err(IndexError::ReadOnly)));
    drop(index);
    assert!(Embedded::open(folder.path(), Access::Write, Isa::detect()).is_ok());
}

#[test]
fn vectors_of_another_model_are_refused_by_both_names() {
    let folder = tempfile::tempdir().unwrap();
    drop(create(folder.path(), 8));
    let other = Space { model: "large".into(), fingerprint: "fp_other".into(), dimensions: 8 };
    let error = Embedded::create(folder.path(), &other, Isa::detect()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the index holds vectors of test (fp_test, 8 numbers); these are of large (fp_other, 8 numbers)"
    );
    assert_eq!(Embedded::space_of(folder.path()).unwrap(), Some(space(8)));
}

#[test]
fn files_of_others_are_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    put(&create(folder.path(), 8), &stored(clustered(3, 8, 1)));
    let check = |name: &str, content: &[u8], problem: &str| {
        let path = folder.path().join(name);
        let good = fs_err::read(&path).unwrap();
        fs_err::write(&path, content).unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains(name), "{error}");
        fs_err::write(&path, good).unwrap();
    };
    check("index.json", b"{}", "missing field");
    check(
        "index.json",
        br#"{"format":2,"generation":1,"model":"m","fingerprint":"f","dimensions":8}"#,
        "its format is 2",
    );
    check(
        "index.json",
        br#"{"format":1,"generation":1,"model":"m","fingerprint":"f","dimensions":0}"#,
        "no number",
    );
    check("1/log", b"GIF89a..", "not those of an index");
    check("1/000000.rows", b"short", "rows are missing");
    assert!(read(folder.path()).is_ok());
}

#[test]
fn an_index_that_is_mostly_replaced_becomes_small_again() {
    let folder = tempfile::tempdir().unwrap();
    let index = create(folder.path(), 8);
    let rows = stored(clustered(ROWS_PER_CHUNK / 2, 8, 1));
    for _ in 0..4 {
        put(&index, &rows);
    }
    // Two and a half chunks were written; the first generation would have them all.
    assert!(!folder.path().join("1").exists());
    assert!(index.bytes().unwrap() < (2 * ROWS_PER_CHUNK * 8 * 4) as u64);
    assert_eq!(everything(&index), rows);
    let more = Entry { id: "more", vector: &rows[0].vector, attributes: &Attributes::new() };
    index.put(&[more]).unwrap();
    drop(index);
    assert_eq!(read(folder.path()).unwrap().count().unwrap(), rows.len() as u64 + 1);
}
