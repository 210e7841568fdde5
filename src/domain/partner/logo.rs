//! Logos and other small images: what is stored is what we encoded ourselves.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use super::brand::Colour;
use crate::domain::kernel::{Error, Result};

/// Largest file, in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Largest image, in pixels a side; with it the decoder needs 16 MB at most.
const SIDE_MAX: u32 = 2_048;

/// What stands out from its ground (WCAG 2.2 SC 1.4.11 wants 3); less than this is a shape that one has to look for.
const SEEN_MIN: f64 = 1.8;

/// Decodes a PNG and encodes it again: metadata, trailing data and anything that only claims to be an image are gone.
///
/// # Errors
/// Too large in bytes or pixels, or no PNG.
pub fn sanitise(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut clean = Vec::new();
    decoded(bytes)?
        .write_to(&mut Cursor::new(&mut clean), ImageFormat::Png)
        .map_err(|error| Error::internal("encoding an image").because(error))?;
    Ok(clean)
}

/// Decodes a PNG and forgets it: whether [`sanitise`] would take it.
///
/// # Errors
/// As [`sanitise`].
pub fn look(bytes: &[u8]) -> Result<()> {
    decoded(bytes).map(|_| ())
}

/// Whether a logo is hard to see on `ground`: most of what is drawn hardly stands out from it. Of one that brings a ground
/// of its own, nothing may stand out. An image that cannot be decoded is not judged.
pub fn is_faint(bytes: &[u8], ground: Colour) -> bool {
    let Ok(image) = decoded(bytes) else { return false };
    let (mut drawn, mut seen, mut all) = (0_u32, 0_u32, 0_u32);
    for pixel in image.into_rgba8().pixels() {
        let [red, green, blue, alpha] = pixel.0;
        all += 1;
        // Edges are mixed with whatever lies under them.
        if alpha > 127 {
            drawn += 1;
            seen += u32::from(Colour::rgb(red, green, blue).contrast(ground) >= SEEN_MIN);
        }
    }
    let has_own_ground = drawn > all / 10 * 9;
    if has_own_ground { seen < drawn / 50 } else { seen < drawn / 2 }
}

fn decoded(bytes: &[u8]) -> Result<DynamicImage> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::invalid(format!(
            "the image has {} kB; at most {} kB are taken",
            bytes.len() / 1024,
            BYTES_MAX / 1024
        )));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(64 << 20);
    reader.limits(limits);
    reader.decode().map_err(|error| {
        Error::invalid(format!("the image is no PNG of at most {SIDE_MAX} x {SIDE_MAX} pixels: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(side: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_rgb8(side, side).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    /// A name of `ink` on nothing or on `own` ground, with a mark of `mark` a fifth its size.
    fn logo(ink: [u8; 3], mark: [u8; 3], own: Option<[u8; 3]>) -> Vec<u8> {
        let opaque = |[r, g, b]: [u8; 3]| image::Rgba([r, g, b, 255]);
        let drawn = image::RgbaImage::from_fn(40, 20, |x, y| match (x, y) {
            (0..2, 5..15) => opaque(mark),
            (10..20, 5..15) => opaque(ink),
            _ => own.map_or(image::Rgba([0; 4]), opaque),
        });
        let mut bytes = Vec::new();
        drawn.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    #[test]
    fn a_logo_is_faint_where_its_name_does_not_stand_out_from_the_ground() {
        let (navy, white, orange) = ([0x1a, 0x2f, 0x6b], [255; 3], [0xff, 0x8c, 0x1a]);
        for (bytes, ground, faint) in [
            (logo(navy, orange, None), Colour::WHITE, false),
            (logo(navy, orange, None), Colour::NIGHT, true),
            (logo(white, orange, None), Colour::WHITE, true),
            (logo(white, orange, None), Colour::NIGHT, false),
            // A ground of its own goes everywhere with it.
            (logo(navy, navy, Some(white)), Colour::WHITE, false),
            (logo(navy, navy, Some(white)), Colour::NIGHT, false),
            (logo(white, white, Some(white)), Colour::WHITE, true),
        ] {
            assert_eq!(is_faint(&bytes, ground), faint, "{ground}");
        }
        assert!(!is_faint(b"no image", Colour::WHITE));
    }

    #[test]
    fn only_a_small_real_png_passes_and_nothing_behind_it() {
        let mut with_tail = png(4);
        with_tail.extend_from_slice(b"<script>");
        let clean = sanitise(&with_tail).unwrap();
        assert!(!clean.windows(8).any(|window| window == b"<script>"));
        assert_eq!(sanitise(&clean).unwrap(), clean, "cleaning twice changes nothing");
        assert!(sanitise(b"<svg/>").is_err());
        assert!(sanitise(&png(2_049)).is_err());
        assert!(sanitise(&vec![0; BYTES_MAX + 1]).is_err());
    }
}
