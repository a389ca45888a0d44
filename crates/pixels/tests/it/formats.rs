//! Recognising formats, and what the errors say.

use pixels::{ErrorKind, Limits, PixelsError, RgbImage, decode, dimensions};

use crate::goldens::path;

fn error_of(bytes: &[u8]) -> PixelsError {
    decode(bytes, &Limits::default()).unwrap_err()
}

#[test]
fn no_bytes_have_their_own_message() {
    let error = error_of(b"");
    assert!(matches!(error, PixelsError::Empty));
    assert_eq!(error.to_string(), "the image is empty (0 bytes)");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn text_is_not_an_image_whatever_its_name() {
    for text in ["a text that was named cat.png", "BM is how this sentence starts", "RIFF", "GIF"] {
        let error = error_of(text.as_bytes());
        assert!(matches!(error, PixelsError::NotAnImage), "{text}: {error}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    let cases: [(&[u8], &str); 9] = [
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf", "avif"),
        (b"\0\0\0\x20ftypavis\0\0\0\0avisavif", "avif"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"\0\0\0\x20ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heif"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jpeg xl"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg 2000"),
        (b"\0\0\x01\0\x01\0\x10\x10", "ico"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
    ];
    for (bytes, name) in cases {
        let error = error_of(bytes);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        assert_eq!(
            error.to_string(),
            format!("unsupported format {name}: give PNG, JPEG, WebP, GIF, BMP or TIFF")
        );
    }
}

#[test]
fn a_file_over_the_byte_limit_is_refused_by_its_length() {
    let error = decode(&[0; 100], &Limits::default().with_bytes(99)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(error.to_string(), "image is 100 bytes; the limit is 99 bytes");
    let at_the_limit = decode(&[0; 99], &Limits::default().with_bytes(99)).unwrap_err();
    assert!(matches!(at_the_limit, PixelsError::NotAnImage));
}

#[test]
fn floating_point_samples_are_named_as_unsupported() {
    let mut file = std::io::Cursor::new(Vec::new());
    tiff::encoder::TiffEncoder::new(&mut file)
        .unwrap()
        .write_image::<tiff::encoder::colortype::Gray32Float>(2, 2, &[0.0, 0.5, 1.0, 2.0])
        .unwrap();
    let error = error_of(&file.into_inner());
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "unsupported kind of tiff image: samples that are no integers of up to 16 bits"
    );
}

#[test]
fn a_raw_buffer_must_have_the_length_of_its_shape() {
    assert!(RgbImage::from_raw(2, 3, vec![0; 18]).is_ok());
    for (width, height, length) in [(2, 3, 17), (2, 3, 19), (0, 3, 0), (2, 0, 0), (u32::MAX, 3, 9)]
    {
        let error = RgbImage::from_raw(width, height, vec![0; length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(error.to_string(), format!("{length} bytes are no {width}x{height} RGB image"));
    }
}

#[test]
fn the_header_alone_gives_the_size_of_every_picture_that_decodes() {
    let mut seen = 0;
    for entry in fs_err::read_dir(path("conversions")).unwrap() {
        let file = entry.unwrap().path();
        let bytes = if file.is_file() { fs_err::read(&file).unwrap() } else { continue };
        let Ok(image) = decode(&bytes, &Limits::default()) else { continue };
        seen += 1;
        let size = dimensions(&bytes, &Limits::default()).unwrap();
        assert_eq!(size.pixels(), u64::from(image.width()) * u64::from(image.height()));
        let tight = Limits::default().with_pixels(size.pixels() - 1);
        let error = dimensions(&bytes, &tight).unwrap_err();
        assert!(matches!(error, PixelsError::TooManyPixels { limit, .. } if limit == tight.pixels));
    }
    assert!(seen > 5, "{seen} pictures were read");
    assert!(matches!(dimensions(b"text", &Limits::default()), Err(PixelsError::NotAnImage)));
}
