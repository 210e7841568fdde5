//! Where an image may lie.

/// How to name an image.
pub const IMAGE_FIX: &str = "name a PNG file under the content folder, such as images/restore-score.png";

/// Checks a path to an image.
///
/// # Errors
/// What is wrong with it.
pub fn image_path(path: &str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if path.contains(':')
        || path.starts_with('/')
        || path.split('/').any(|part| matches!(part, ".." | "." | ""))
    {
        return Err("the image's path leaves the content folder");
    }
    if !path.chars().all(plain) {
        return Err("the image's path holds characters other than letters, digits, `-`, `_`, `.` and `/`");
    }
    if !path.ends_with(".png") {
        return Err("the image is not a PNG file");
    }
    Ok(())
}
