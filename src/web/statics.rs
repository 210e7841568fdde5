//! Style sheet, script, icon and typefaces: embedded in the binary, addressed by content so that browsers keep them.

use axum::{
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use super::{error::Problem, respond::Answer};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Embedded;

/// The address of a file, with the beginning of its hash.
pub fn address(name: &str) -> String {
    let version = Embedded::get(name).map(|file| hex(&file.metadata.sha256_hash()[..6])).unwrap_or_default();
    format!("/static/{name}?v={version}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `GET /static/{name}`
pub async fn file(Path(name): Path<String>) -> Answer {
    let file = Embedded::get(&name).ok_or_else(Problem::no_page)?;
    let media_type = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => return Err(Problem::no_page()),
    };
    Ok(kept(media_type, file.data.into_owned()))
}

/// `GET /static/fonts/{name}`
pub async fn font(Path(name): Path<String>) -> Answer {
    // Frames in a sandbox have no origin, and typefaces are asked for with theirs (CSS Fonts 4 section 4.9).
    let mut response = file(Path(format!("fonts/{name}"))).await?;
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// A file whose address changes with its content: kept for a year (RFC 8246).
pub fn kept(media_type: &'static str, bytes: Vec<u8>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_and_the_script_stay_small() {
        let size = |name: &str| Embedded::get(name).unwrap().data.len();
        assert!(size("partnercast.css") < 30_000, "{}", size("partnercast.css"));
        assert!(size("partnercast.js") < 6_000, "{}", size("partnercast.js"));
        assert_eq!(address("partnercast.css").len(), "/static/partnercast.css?v=".len() + 12);
    }
}
