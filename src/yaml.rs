//! YAML, made from JSON: so each type is written in one way only, and the two forms cannot tell different things.

use serde_transcode::Transcoder;

/// The document of `json`, with its keys in their order.
///
/// # Errors
/// When it is no JSON, or YAML cannot hold it.
pub(crate) fn from_json(json: &str) -> Result<String, String> {
    let mut from = serde_json::Deserializer::from_str(json);
    serde_saphyr::to_string(&Transcoder::new(&mut from)).map_err(|error| error.to_string())
}
