//! A folder of hostile files, made in memory: each must be an error of one line, quickly and
//! without the memory it asks for.

use pixels::{ErrorKind, Limits, decode};

use crate::allocation::{Measured, measured};
use crate::goldens::{bytes, cases, text};

/// What a refused header may cost: decoder state and small tables.
const SMALL: usize = 1 << 20;

fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    drop(encoder.write_header().unwrap());
    file
}

fn jpeg_header(width: u16, height: u16) -> Vec<u8> {
    patched_jpeg(&bytes("conversions/rgb_420.jpeg"), width, height)
}

/// The JPEG with another size in its frame header.
fn patched_jpeg(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut file = jpeg.to_vec();
    let frame = file
        .windows(4)
        .position(|bytes| matches!(bytes, [0xff, 0xc0 | 0xc2, 0, 17]))
        .expect("a frame header of three components");
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

fn bmp_header(width: i32, height: i32) -> Vec<u8> {
    let mut file = bytes("conversions/rgb.bmp");
    file[18..22].copy_from_slice(&width.to_le_bytes());
    file[22..26].copy_from_slice(&height.to_le_bytes());
    file
}

/// A GIF whose first frame has another size than its canvas.
fn gif_frame(width: u16, height: u16) -> Vec<u8> {
    let mut file = bytes("conversions/rgb.gif");
    let frame =
        file.windows(5).position(|bytes| bytes == b",\0\0\0\0").expect("a frame at the corner");
    file[frame + 5..frame + 7].copy_from_slice(&width.to_le_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&height.to_le_bytes());
    file
}

/// Where the entry for a tag stands in the first directory of a little-endian TIFF.
fn tiff_entry(file: &[u8], tag: u16) -> usize {
    let start = u32::from_le_bytes(*file[4..].first_chunk().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(*file[start..].first_chunk().unwrap()));
    (0..count)
        .map(|entry| start + 2 + entry * 12)
        .find(|&at| file[at..at + 2] == tag.to_le_bytes())
        .expect("the tag is there")
}

/// A TIFF with another value for one tag of its first directory.
fn tiff_with(tag: u16, value: u32) -> Vec<u8> {
    const LONG: u16 = 4;
    let mut file = bytes("conversions/rgb_raw.tiff");
    let entry = tiff_entry(&file, tag);
    file[entry + 2..entry + 4].copy_from_slice(&LONG.to_le_bytes());
    file[entry + 8..entry + 12].copy_from_slice(&value.to_le_bytes());
    file
}

const TIFF_WIDTH: u16 = 256;
const TIFF_STRIP_OFFSET: u16 = 273;
const TIFF_ROWS_PER_STRIP: u16 = 278;
const TIFF_STRIP_LENGTH: u16 = 279;

fn webp_canvas(width: u32, height: u32) -> Vec<u8> {
    let mut file = bytes("conversions/animated_alpha.webp");
    assert_eq!(&file[12..16], b"VP8X");
    file[24..27].copy_from_slice(&(width - 1).to_le_bytes()[..3]);
    file[27..30].copy_from_slice(&(height - 1).to_le_bytes()[..3]);
    file
}

#[test]
fn a_bomb_is_refused_from_its_header_before_memory_is_taken() {
    let bombs = [
        ("png 65535x65535", png_header(65_535, 65_535)),
        ("png one pixel high", png_header(60_000_000, 1)),
        ("png with the largest sides", png_header(0x7fff_ffff, 0x7fff_ffff)),
        ("jpeg 65500x65500", jpeg_header(65_500, 65_500)),
        ("gif frame 65535x65535", gif_frame(65_535, 65_535)),
        ("bmp 30000x30000", bmp_header(30_000, 30_000)),
        ("bmp upside down", bmp_header(30_000, -30_000)),
        ("bmp with the largest sides", bmp_header(i32::MAX, i32::MIN)),
        // As an unsigned number, as every decoder of sizes reads it somewhere.
        ("bmp of negative width", bmp_header(-23, 17)),
        ("tiff 4294967295 wide", tiff_with(TIFF_WIDTH, u32::MAX)),
        ("webp 16383x16383", webp_canvas(16_383, 16_383)),
        ("webp 16777216x16777216", webp_canvas(1 << 24, 1 << 24)),
    ];
    for (name, bomb) in bombs {
        let Measured { result, peak } = measured(|| decode(&bomb, &Limits::default()));
        let error = result.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{name}: {error}");
        assert!(peak < SMALL + bomb.len(), "{name} took {peak} bytes");
        assert!(!error.to_string().contains('\n'), "{name}: {error}");
    }
}

#[test]
fn a_header_inside_the_pixel_limit_is_held_to_the_memory_limit() {
    let limits = Limits::default().with_memory(8 << 20);
    let files = [
        ("png", png_header(2_000, 2_000)),
        ("jpeg", jpeg_header(2_000, 2_000)),
        (
            "progressive jpeg",
            patched_jpeg(&bytes("conversions/rgb_420_progressive.jpeg"), 2_000, 2_000),
        ),
        ("gif", gif_frame(2_000, 2_000)),
        ("bmp", bmp_header(2_000, 2_000)),
        ("webp", webp_canvas(2_000, 2_000)),
    ];
    for (name, file) in files {
        let Measured { result, peak } = measured(|| decode(&file, &limits));
        let error = result.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{name}: {error}");
        assert!(peak < SMALL + file.len(), "{name} took {peak} bytes");
    }
    let error = decode(&png_header(2_000, 2_000), &limits).unwrap_err();
    assert_eq!(
        error.to_string(),
        "decoding the 2000x2000 png image takes about 20000000 bytes of memory; \
         the limit is 8388608 bytes"
    );
}

#[test]
fn the_messages_of_the_limits_name_the_picture_and_the_limit() {
    let message = |limits: Limits| decode(&png_header(12_000, 9_000), &limits).unwrap_err();
    assert_eq!(
        message(Limits::default()).to_string(),
        "image is 12000x9000 pixels; the limit is 64 megapixels"
    );
    assert_eq!(
        message(Limits::default().with_pixels(2_500_000)).to_string(),
        "image is 12000x9000 pixels; the limit is 2.5 megapixels"
    );
    assert_eq!(
        message(Limits::default().with_pixels(u64::MAX).with_side(10_000)).to_string(),
        "image is 12000x9000 pixels; the limit for a side is 10000 pixels"
    );
}

/// Every byte that a header can lie about without leaving the limits.
#[test]
fn a_header_that_contradicts_its_content_is_an_error_within_the_memory_limit() {
    let limits = Limits::default().with_memory(64 << 20);
    let files = [
        ("png with no pixels", png_header(3_000, 2_000)),
        ("png without width", {
            let mut file = bytes("conversions/rgb.png");
            file[16..20].fill(0);
            file
        }),
        ("jpeg with too few blocks", jpeg_header(3_000, 2_000)),
        (
            "progressive jpeg with too few blocks",
            patched_jpeg(&bytes("conversions/rgb_420_progressive.jpeg"), 2_000, 2_000),
        ),
        ("jpeg without height", jpeg_header(61, 0)),
        ("gif frame without width", gif_frame(0, 17)),
        ("gif frame with too few indices", gif_frame(3_000, 2_000)),
        ("bmp with too few rows", bmp_header(3_000, 2_000)),
        ("bmp without height", bmp_header(23, 0)),
        ("tiff tag with four billion values", {
            let mut file = bytes("conversions/rgb_raw.tiff");
            let entry = tiff_entry(&file, TIFF_STRIP_OFFSET);
            file[entry + 4..entry + 8].copy_from_slice(&u32::MAX.to_le_bytes());
            file
        }),
        ("tiff strip of four gigabytes", tiff_with(TIFF_STRIP_LENGTH, u32::MAX)),
        ("tiff strip outside the file", tiff_with(TIFF_STRIP_OFFSET, u32::MAX)),
        ("tiff strips of one row, one strip", tiff_with(TIFF_ROWS_PER_STRIP, 1)),
        ("tiff strips of no row", tiff_with(TIFF_ROWS_PER_STRIP, 0)),
        ("tiff wider than its strip", tiff_with(TIFF_WIDTH, 3_000)),
        ("webp frame outside its canvas", webp_canvas(2, 2)),
        ("webp bitstream larger than its canvas", {
            let mut file = bytes("conversions/rgba_lossy.webp");
            let start = file.windows(4).position(|name| name == b"VP8 ").unwrap() + 8;
            file[start + 6..start + 10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
            file
        }),
    ];
    for (name, file) in files {
        let Measured { result, peak } = measured(|| decode(&file, &limits));
        let error = result.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Undecodable, "{name}: {error}");
        assert!(peak < (64 << 20) + SMALL, "{name} took {peak} bytes");
        assert!(!error.to_string().contains('\n'), "{name}: {error}");
    }
}

#[test]
fn a_still_picture_cut_at_any_quarter_is_an_error() {
    for case in cases("conversions.json") {
        let name = text(&case["name"]);
        // The first frame of these may be whole although the file is not.
        if name.starts_with("animated") || name.starts_with("two_pages") {
            continue;
        }
        let file = bytes(&format!("conversions/{name}"));
        for quarter in 0..4 {
            let cut = &file[..file.len() * quarter / 4];
            let result = decode(cut, &Limits::default());
            assert!(result.is_err(), "{name} cut to {quarter} quarters");
        }
    }
}

#[test]
fn a_jpeg_without_its_end_is_an_error_and_not_a_grey_picture() {
    for name in ["rgb_444.jpeg", "rgb_420_progressive.jpeg", "l.jpeg", "cmyk.jpeg"] {
        let file = bytes(&format!("conversions/{name}"));
        let error = decode(&file[..file.len() - 2], &Limits::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot decode the jpeg image: the file is cut short",
            "{name}"
        );
    }
}

#[test]
fn stray_bytes_between_jpeg_segments_do_no_harm() {
    let file = bytes("conversions/rgb_444.jpeg");
    let limits = Limits::default();
    // The start marker and the first segment (JFIF, 18 bytes), junk and fill bytes, the rest.
    let mut padded = file[..20].to_vec();
    padded.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 0xff, 0xff]);
    padded.extend_from_slice(&file[20..]);
    assert_eq!(decode(&padded, &limits).unwrap(), decode(&file, &limits).unwrap());
}

#[test]
fn compressed_data_beyond_the_picture_are_not_unpacked() {
    // 64 MiB of zeros behind the 3 rows that the header announces.
    let zeros = vec![0_u8; 64 << 20];
    let mut file = Vec::new();
    {
        let mut encoder = png::Encoder::new(&mut file, 3, 3);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        let packed = deflated(&zeros);
        writer.write_chunk(png::chunk::IDAT, &packed).unwrap();
    }
    drop(zeros);
    let Measured { result: _, peak } = measured(|| decode(&file, &Limits::default()));
    assert!(peak < SMALL + file.len(), "took {peak} bytes");
}

/// `bytes` as a zlib stream, made by the PNG encoder: a picture of one row of them.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    {
        let mut encoder = png::Encoder::new(&mut file, bytes.len() as u32, 1);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
    }
    let mut packed = Vec::new();
    let mut rest = &file[8..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if &after[..4] == b"IDAT" {
            packed.extend_from_slice(&after[4..4 + length]);
        }
        rest = &after[4 + length + 4..];
    }
    packed
}
