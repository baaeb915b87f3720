//! Small changes to a bundle, so that a fault and its healthy twin differ in what makes the fault and in nothing else.
//! A change that changes nothing is an error: the data below it has moved.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Name in the bundle → content.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// `[[dump]]`: a change of one text file of a node.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DumpChange {
    /// The file, as `node-a/iptables-save.txt`; `node-a/again/iptables-save.txt`.
    file: String,
    /// Only lines below `*table`, the first of this name, change.
    table: Option<String>,
    /// Lines that contain this go.
    delete: Option<String>,
    /// In every line the first text becomes the second.
    replace: Option<[String; 2]>,
    /// Before each line that contains this `insert` is put.
    before: Option<String>,
    /// After each line that contains this `insert` is put.
    after: Option<String>,
    /// Lines that are put in.
    #[serde(default)]
    insert: Vec<String>,
    /// The text is cut after the first line that contains this.
    cut_after: Option<String>,
    /// The whole text.
    text: Option<String>,
    /// The text is that of this file, `node-a/iptables-save.txt`.
    copy: Option<String>,
    /// The file goes.
    #[serde(default)]
    remove: bool,
    /// The command ended with this status.
    exit: Option<i32>,
    /// The command said this on standard error.
    stderr: Option<String>,
}

/// `[[object]]`: a change of one object.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectChange {
    /// The list, as `services`: the file is `objects/services.json`. `objects-after/services` is another.
    list: String,
    /// Which: `default/web`, or `node-a`; every one if it is not said.
    name: Option<String>,
    /// Values by JSON pointer: `"/spec/ports/0/targetPort" = 81`.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    /// Fields that go, by JSON pointer.
    #[serde(default)]
    unset: Vec<String>,
    /// The object goes.
    #[serde(default)]
    remove: bool,
    /// This object (JSON) is added; the list is made if there is none.
    add: Option<String>,
    /// The whole list goes: it was not read.
    #[serde(default)]
    remove_list: bool,
}

/// Adds the files below `folder`.
pub(crate) fn add_folder(files: &mut Files, folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            add_folder(files, &path, &format!("{name}/"));
        } else if name != "scenario.toml" && !name.starts_with("report.snap") {
            files.insert(name, fs::read(path).unwrap());
        }
    }
}

impl DumpChange {
    /// Makes the change.
    ///
    /// # Panics
    /// If nothing changes.
    pub(crate) fn apply(&self, scenario: &str, files: &mut Files) {
        let file = format!("nodes/{}", self.file);
        if let Some(from) = &self.copy {
            let from =
                files.get(&format!("nodes/{from}")).unwrap_or_else(|| panic!("{scenario}: there is no {from}")).clone();
            files.insert(file, from);
            return;
        }
        let before = files.get(&file).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        if self.remove {
            assert!(files.remove(&file).is_some(), "{scenario}: there is no {file}");
        } else {
            let text = before
                .clone()
                .or_else(|| self.text.clone())
                .unwrap_or_else(|| panic!("{scenario}: there is no {file}"));
            files.insert(file, self.text_of(&text).into_bytes());
        }
        self.command(
            files,
            before.as_deref() != files.get(&format!("nodes/{}", self.file)).and_then(|b| std::str::from_utf8(b).ok()),
            scenario,
        );
    }

    fn text_of(&self, text: &str) -> String {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let mut out = String::new();
        let mut table = String::new();
        for line in text.split_inclusive('\n') {
            if let Some(name) = line.strip_prefix('*') {
                name.trim_end().clone_into(&mut table);
            }
            if self.table.as_ref().is_some_and(|wanted| *wanted != table) {
                out += line;
                continue;
            }
            let has = |wanted: &Option<String>| wanted.as_deref().is_some_and(|wanted| line.contains(wanted));
            let insert = |out: &mut String| self.insert.iter().for_each(|line| *out += &format!("{line}\n"));
            if has(&self.delete) {
                continue;
            }
            if has(&self.before) {
                insert(&mut out);
            }
            match &self.replace {
                Some([old, new]) => out += &line.replace(old, new),
                None => out += line,
            }
            if has(&self.after) {
                insert(&mut out);
            }
            if has(&self.cut_after) {
                break;
            }
        }
        out
    }

    /// What `commands.json` says of it; the number of bytes is no longer what it was.
    fn command(&self, files: &mut Files, changed: bool, scenario: &str) {
        let (folder, file) = self.file.rsplit_once('/').unwrap();
        let dump = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let said = self.exit.is_some() || self.stderr.is_some();
        assert!(changed || said, "{scenario}: a change of {} changes nothing", self.file);
        let commands = format!("nodes/{folder}/commands.json");
        let mut rows: Vec<Value> =
            files.get(&commands).map(|bytes| serde_json::from_slice(bytes).unwrap()).unwrap_or_default();
        if said && !rows.iter().any(|row| row["dump"] == dump) {
            rows.push(serde_json::json!({"dump": dump}));
        }
        for row in rows.iter_mut().filter(|row| row["dump"] == dump).filter_map(Value::as_object_mut) {
            row.remove("bytes");
            if let Some(exit) = self.exit {
                row.insert("exit".to_owned(), exit.into());
            }
            if let Some(stderr) = &self.stderr {
                row.insert("stderr".to_owned(), stderr.as_str().into());
            }
        }
        if !rows.is_empty() {
            files.insert(commands, serde_json::to_vec(&rows).unwrap());
        }
    }
}

impl ObjectChange {
    /// Makes the change.
    ///
    /// # Panics
    /// If nothing changes.
    pub(crate) fn apply(&self, scenario: &str, files: &mut Files) {
        let file =
            if self.list.contains('/') { format!("{}.json", self.list) } else { format!("objects/{}.json", self.list) };
        if self.remove_list {
            assert!(files.remove(&file).is_some(), "{scenario}: there is no {file}");
            return;
        }
        let mut list: Value = match files.get(&file) {
            Some(bytes) => serde_json::from_slice(bytes).unwrap(),
            None => serde_json::json!({"apiVersion": "v1", "kind": "List", "items": []}),
        };
        let before = list.clone();
        let items = list["items"].as_array_mut().unwrap();
        if self.remove {
            items.retain(|item| !self.is(item));
        }
        for item in items.iter_mut().filter(|item| self.is(item)) {
            for (pointer, value) in &self.set {
                set(item, pointer, value.clone());
            }
            for pointer in &self.unset {
                let (parent, key) = pointer.rsplit_once('/').unwrap();
                match item.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(&unescaped(key))),
                    Some(Value::Array(values)) => drop(values.remove(key.parse().unwrap())),
                    _ => panic!("{scenario}: there is no {pointer}"),
                }
            }
        }
        if let Some(object) = &self.add {
            items.push(serde_json::from_str(object).unwrap_or_else(|error| panic!("{scenario}: {error}: {object}")));
        }
        assert!(list != before, "{scenario}: a change of {file} changes nothing");
        files.insert(file, serde_json::to_vec_pretty(&list).unwrap());
    }

    fn is(&self, item: &Value) -> bool {
        if self.add.is_some() && self.name.is_none() {
            return false;
        }
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        let full = item["metadata"]["namespace"]
            .as_str()
            .map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
        self.name.as_ref().is_none_or(|wanted| *wanted == full)
    }
}

/// Sets a field; those above it are made if they are not there.
fn set(item: &mut Value, pointer: &str, value: Value) {
    let mut at = item;
    for key in pointer.split('/').skip(1).map(unescaped) {
        at = match at {
            Value::Array(values) => &mut values[key.parse::<usize>().unwrap()],
            other => {
                if !other.is_object() {
                    *other = Value::Object(serde_json::Map::new());
                }
                other.as_object_mut().unwrap().entry(key).or_insert(Value::Null)
            }
        };
    }
    *at = value;
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}
