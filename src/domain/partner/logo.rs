//! Logos and other small images: what is stored is what we encoded ourselves.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};

use crate::domain::kernel::{Error, Result};

/// Largest file, in bytes.
pub const BYTES_MAX: usize = 256 * 1024;
/// Largest image, in pixels a side; with it the decoder needs 16 MB at most.
const SIDE_MAX: u32 = 2_048;

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
