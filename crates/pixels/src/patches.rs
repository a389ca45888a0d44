//! 8-bit RGB to the `f32` rows that the patch embedding multiplies.
//!
//! A strided convolution over the picture is one matrix product when every patch lies in a row in
//! the order of the flattened weight. This module writes those rows; it does not multiply.

use crate::rgb_image::RgbImage;

/// Number of whole patches in `image`: `(width / patch_size) * (height / patch_size)`.
///
/// # Panics
/// When `patch_size` is zero.
pub fn patch_count(image: &RgbImage, patch_size: usize) -> usize {
    (image.width() as usize / patch_size) * (image.height() as usize / patch_size)
}

/// Writes normalised patches of `image`, from the one with index `first` on, to `out`, shape
/// `[patches, 3 * patch_size²]`: as many as fit there, so that several threads can share a picture.
///
/// Patches go in raster order; inside a patch the order is (channel, row, column), that of a
/// convolution weight `[W, 3, p, p]` flattened to `[W, 3 p²]`. Pixels right of and below the last
/// whole patch are dropped, as a convolution with stride `patch_size` drops them.
///
/// A sample `v` becomes `(f32(v * (1/255) in f64) - mean) / std`, in `f32`: to the bit what
/// transformers 5.23 `image_transforms.rescale` and `normalize` give.
///
/// # Panics
/// When `patch_size` is zero, or `out` is not a whole number of the patches that the image has from
/// `first` on.
pub fn write_patches(
    image: &RgbImage,
    patch_size: usize,
    first: usize,
    mean: [f32; 3],
    std: [f32; 3],
    out: &mut [f32],
) {
    let patch_area = patch_size * patch_size;
    let count = out.len() / (3 * patch_area);
    assert!(
        count * 3 * patch_area == out.len() && first + count <= patch_count(image, patch_size),
        "the output must hold [patches, 3 * patch_size * patch_size] of the image's patches"
    );
    let tables: [[f32; 256]; 3] =
        std::array::from_fn(|channel| normalised_levels(mean[channel], std[channel]));
    let stride = image.width() as usize * 3;
    let patches_across = image.width() as usize / patch_size;
    for (index, patch) in out.chunks_exact_mut(3 * patch_area).enumerate() {
        let left = ((first + index) % patches_across) * patch_size;
        let top = ((first + index) / patches_across) * patch_size;
        let (red, rest) = patch.split_at_mut(patch_area);
        let (green, blue) = rest.split_at_mut(patch_area);
        for row in 0..patch_size {
            let start = (top + row) * stride + left * 3;
            let source = &image.data()[start..start + patch_size * 3];
            let columns = row * patch_size..(row + 1) * patch_size;
            let targets = red[columns.clone()]
                .iter_mut()
                .zip(&mut green[columns.clone()])
                .zip(&mut blue[columns]);
            for (pixel, ((red, green), blue)) in source.as_chunks::<3>().0.iter().zip(targets) {
                *red = tables[0][usize::from(pixel[0])];
                *green = tables[1][usize::from(pixel[1])];
                *blue = tables[2][usize::from(pixel[2])];
            }
        }
    }
}

/// The normalised value of each of the 256 levels of one channel.
fn normalised_levels(mean: f32, std: f32) -> [f32; 256] {
    std::array::from_fn(|level| {
        let rescaled = (level as f64 * (1.0 / 255.0)) as f32;
        (rescaled - mean) / std
    })
}
