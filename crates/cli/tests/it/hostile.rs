//! A folder of files that mean harm: each gets one line, and the good ones their results.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::tiny::{Tiny, picture};

/// The checksum at the end of a PNG chunk (ISO 3309).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

/// A good PNG whose header promises another size, with a right checksum.
fn promising(width: u32, height: u32) -> Vec<u8> {
    let mut png = fs_err::read(picture("rgb_61x37.png")).unwrap();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

/// A PNG of 30,000 x 30,000 grey pixels: 900 million samples, if anybody were to unpack it.
fn bomb() -> Vec<u8> {
    let mut png = promising(30_000, 30_000);
    png.truncate(33);
    let mut data = b"IDAT\x78\x9c".to_vec();
    data.extend([0; 4096]);
    png.extend((data.len() as u32 - 4).to_be_bytes());
    png.extend(&data);
    png.extend(crc(&data).to_be_bytes());
    png
}

/// Name, content, and a part of what is said about it.
pub(crate) fn hostile_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let png = fs_err::read(picture("rgb_61x37.png")).unwrap();
    let mut jpeg = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".to_vec();
    let jpeg_start = jpeg.clone();
    jpeg.extend(b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01");
    let tiff = b"II\x2a\x00\xff\xff\xff\x7f".to_vec();
    let mut gif = b"GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff".to_vec();
    gif.extend(b",\x00\x00\x00\x00\xff\xff\xff\xff\x00\x08\x01\x00\x00;");
    let mut bmp = b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00".to_vec();
    bmp.extend(b"\xff\xff\xff\x7f\xff\xff\xff\x7f\x01\x00\x18\x00");
    bmp.extend([0; 24]);
    vec![
        ("bomb.png", bomb(), "30000x30000 pixels; the limit"),
        ("cut.png", png[..png.len() / 2].to_vec(), "cannot decode the png"),
        ("empty.png", Vec::new(), "0 bytes"),
        ("header_only.png", png[..20].to_vec(), "png image"),
        ("lies_large.png", promising(6_000, 6_000), "png image"),
        ("lies_huge.png", promising(u32::MAX, u32::MAX), "pixels; the limit"),
        ("lies_zero.png", promising(0, 37), "png image"),
        ("magic.jpg", jpeg_start, "jpeg image"),
        ("wide.jpg", jpeg, "jpeg image"),
        ("offset.tif", tiff, "tiff image"),
        ("large.gif", gif, "65535x65535 pixels; the limit"),
        ("large.bmp", bmp, "pixels; the limit"),
        ("riff.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 ".to_vec(), "webp image"),
        (
            "movie.avif",
            b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00".to_vec(),
            "unsupported format avif",
        ),
        ("text.png", b"I am a text.\n".to_vec(), "not an image"),
        ("zeros.jpeg", vec![0; 4096], "not an image"),
    ]
}

fn classify(tiny: &Tiny, place: &Path) -> crate::program::Finished {
    let run = tiny.run(["classify", "--json", "--labels", "cat,dog,house"]);
    run.argument(place).finish()
}

#[test]
fn each_hostile_file_gets_one_line_and_the_good_ones_their_results() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().unwrap();
    let files = hostile_files();
    for (name, bytes, _) in &files {
        fs_err::write(folder.path().join(name), bytes).unwrap();
    }
    let file = fs_err::File::create(folder.path().join("too_many_bytes.png")).unwrap();
    file.set_len(21 << 20).unwrap();
    for (name, good) in
        [("a.png", "rgb_61x37.png"), ("m.png", "tall_7x90.png"), ("zz.png", "small_5x3.png")]
    {
        fs_err::copy(picture(good), folder.path().join(name)).unwrap();
    }
    let run = classify(&tiny, folder.path());
    assert_eq!(run.code, 1);
    let mut expected =
        files.iter().map(|(name, _, part)| (*name, *part)).collect::<BTreeMap<_, _>>();
    expected.insert("too_many_bytes.png", "image is 22020096 bytes; the limit is");
    let lines = run.stderr.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), expected.len(), "{}", run.stderr);
    let mut wrong = Vec::new();
    for (line, (name, part)) in lines.iter().zip(&expected) {
        let start = format!("polysight: {}: ", folder.path().join(name).display());
        let message = line.strip_prefix(&start);
        let message = message.unwrap_or_else(|| panic!("{line} does not begin with {start}"));
        if !message.contains(part) {
            wrong.push(format!("{line} does not say {part:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let reply = run.json();
    let data = reply["data"].as_array().unwrap();
    assert_eq!(data.len(), expected.len() + 3);
    assert_eq!(reply["usage"]["images"], 3);
    for (index, item) in data.iter().enumerate() {
        assert_eq!(item["index"], index);
        check_item(&tiny, item);
    }
}

/// A good picture's item is that of the picture alone; a bad one's names the error.
fn check_item(tiny: &Tiny, item: &Value) {
    let path = Path::new(item["path"].as_str().unwrap());
    match path.file_name().unwrap().to_str().unwrap() {
        "a.png" | "m.png" | "zz.png" => {
            let alone = classify(tiny, path).quiet_success().json();
            assert_eq!(item["predictions"], alone["data"][0]["predictions"]);
        }
        _ => {
            assert_eq!(item["object"], "error");
            assert_eq!(item["error"]["type"], "invalid_request_error");
            let code = item["error"]["code"].as_str().unwrap();
            let codes = ["image_too_large", "image_unsupported", "image_undecodable"];
            assert!(codes.contains(&code), "{item}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_name_cannot_forge_a_line() {
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().unwrap();
    let name = "a\npolysight: b\u{1b}[31m.png";
    fs_err::write(folder.path().join(name), "text").unwrap();
    let run = tiny.run(["classify", "--labels", "a,b"]).argument(folder.path()).finish();
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'));
    assert!(run.stderr.contains("a\\npolysight: b\\u{1b}[31m.png: not an image"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let tiny = Tiny::new();
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed.png");
    fs_err::copy(picture("rgb_61x37.png"), &closed).unwrap();
    fs_err::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    let run = tiny.run(["classify", "--labels", "a,b"]).argument(&closed).finish();
    // The superuser may read it all the same.
    if fs_err::read(&closed).is_ok() {
        assert_eq!(run.code, 0);
        return;
    }
    assert_eq!(run.code, 1);
    let expected = format!("polysight: {}: permission denied\n", closed.display());
    assert_eq!(run.stderr, expected);
}
