//! The schema of the JSON document, made from the types that write it.

use schemars::generate::SchemaSettings;

use super::v1::V1Report;

/// JSON Schema (draft 2020-12) of `svc-trace/v1`, indented, ending in a newline.
#[must_use]
pub fn schema() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<V1Report<'static>>();
    schema.insert("title".into(), "svc-trace/v1".into());
    // only maps with keys that are no strings can fail, and there is none
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
