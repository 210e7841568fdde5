//! The images of a document: looked at before, decoded by the typesetter alone.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};

use crate::domain::kernel::{Error, Result};

/// Largest logo or image, in bytes.
const BYTES_MAX: usize = 4 << 20;
/// Largest image, in pixels a side; decoding it needs 64 MB at most.
const SIDE_MAX: u32 = 4_096;

/// Width and height in pixels.
pub(super) type Size = (u32, u32);

/// Refuses what is no PNG or is too large, and reads its size; the pixels are left alone.
///
/// # Errors
/// Says `what` is wrong and how to mend it.
pub(super) fn look(what: &str, bytes: &[u8]) -> Result<Size> {
    if bytes.len() > BYTES_MAX {
        return Err(Error::invalid(format!("{what} is larger than {} MB; make it smaller", BYTES_MAX >> 20)));
    }
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Err(Error::invalid(format!("{what} is no PNG; convert it")));
    }
    let size = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png).into_dimensions();
    let (width, height) = size.map_err(|error| damaged(what, &error))?;
    if width.max(height) > SIDE_MAX {
        return Err(Error::invalid(format!(
            "{what} has {width} x {height} pixels, at most {SIDE_MAX} a side are set; make it smaller"
        )));
    }
    Ok((width, height))
}

/// Decodes a PNG, only to say what is wrong with it.
///
/// # Errors
/// It is damaged.
#[cfg(feature = "pdf")]
pub(super) fn decode(what: &str, bytes: &[u8]) -> Result<()> {
    let image = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png).decode();
    image.map(drop).map_err(|error| damaged(what, &error))
}

fn damaged(what: &str, error: &image::ImageError) -> Error {
    Error::invalid(format!("{what} is a damaged PNG ({error}); save it again"))
}
