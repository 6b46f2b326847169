//! `--format`: Go's templates with Docker's functions over a JSON document.

use gotmpl::{MissingKey, Template, TemplateError, Value as Data, to_value};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A template, ready for any number of documents.
pub(crate) struct Format {
    text: String,
    template: Template,
}

impl Format {
    /// Parses Go's template language; a field that a document lacks will be an error.
    pub(crate) fn new(text: &str) -> Result<Self> {
        // Docker lets a shell's '\t' and '\n' stand for what they say.
        let source = text.replace("\\t", "\t").replace("\\n", "\n");
        let template = Template::new("")
            .missing_key(MissingKey::Error)
            .func("json", json)
            .func("upper", |args| map(args, |text| text.to_uppercase()))
            .func("lower", |args| map(args, |text| text.to_lowercase()))
            .func("title", |args| map(args, title))
            .func("join", join)
            .func("split", split)
            .parse(&source)
            .map_err(|source| Error::Format {
                format: text.to_owned(),
                source,
            })?;
        Ok(Self {
            text: text.to_owned(),
            template,
        })
    }

    /// The document, written as the template says.
    pub(crate) fn render(&self, document: &Value) -> Result<String> {
        to_value(document)
            .and_then(|data| self.template.execute_to_string(&data))
            .map_err(|source| Error::Format {
                format: self.text.clone(),
                source,
            })
    }
}

fn json(args: &[Data]) -> gotmpl::Result<Data> {
    let [value] = args else {
        return Err(wrong("json takes one value"));
    };
    Ok(Data::String(document(value).to_string().into()))
}

/// The way back from a template's value to JSON.
fn document(data: &Data) -> Value {
    match data {
        Data::Bool(value) => (*value).into(),
        Data::Int(value) => (*value).into(),
        Data::Uint(value) => (*value).into(),
        Data::Float(value) => (*value).into(),
        Data::String(value) => value.to_string().into(),
        Data::List(items) => items.iter().map(document).collect(),
        Data::Map(fields) => Value::Object(
            fields
                .iter()
                .map(|(k, v)| (k.to_string(), document(v)))
                .collect::<Map<_, _>>(),
        ),
        _ => Value::Null,
    }
}

fn map(args: &[Data], change: fn(&str) -> String) -> gotmpl::Result<Data> {
    match args {
        [Data::String(text)] => Ok(Data::String(change(text).into())),
        _ => Err(wrong("upper, lower and title take one text")),
    }
}

fn title(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn join(args: &[Data]) -> gotmpl::Result<Data> {
    let [Data::List(items), Data::String(between)] = args else {
        return Err(wrong("join takes a list and a text to put between"));
    };
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    Ok(Data::String(items.join(between).into()))
}

fn split(args: &[Data]) -> gotmpl::Result<Data> {
    let [Data::String(text), Data::String(at)] = args else {
        return Err(wrong("split takes a text and a text to split at"));
    };
    Ok(Data::List(
        text.split(&**at)
            .map(|part| Data::String(part.into()))
            .collect(),
    ))
}

fn wrong(reason: &str) -> TemplateError {
    TemplateError::Exec(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(format: &str) -> String {
        let document = json!({
            "Name": "/c1",
            "State": { "Pid": 4711, "Running": true },
            "Config": { "Env": ["A=1", "B=2"], "Labels": { "com.example.tier": "front" } },
            "NetworkSettings": {
                "SandboxKey": "/run/rnet/netns/ab",
                "Ports": { "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }], "90/tcp": null },
                "Networks": {
                    "blue": { "IPAddress": "172.25.100.1" },
                    "red": { "IPAddress": "10.9.0.2" }
                }
            }
        });
        match Format::new(format).and_then(|format| format.render(&document)) {
            Ok(text) => text,
            Err(Error::Format { source, .. }) => source.to_string(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_idioms_of_inspect_work() {
        for (format, text) in [
            ("{{.State.Pid}}", "4711"),
            ("{{.NetworkSettings.SandboxKey}}", "/run/rnet/netns/ab"),
            (
                "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
                "172.25.100.1 10.9.0.2 ",
            ),
            (
                "{{(index .NetworkSettings.Networks \"red\").IPAddress}}",
                "10.9.0.2",
            ),
            ("{{index .Config.Labels \"com.example.tier\"}}", "front"),
            (
                "{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}",
                "8080",
            ),
            (
                "{{range $p, $b := .NetworkSettings.Ports}}{{$p}}{{if $b}}!{{end}} {{end}}",
                "80/tcp! 90/tcp ",
            ),
            ("{{json .State}}", r#"{"Pid":4711,"Running":true}"#),
            ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
            ("{{join .Config.Env \",\"}}", "A=1,B=2"),
            ("{{index (split .Name \"/\") 1}}", "c1"),
            (
                "{{printf \"%s is %d\" .Name .State.Pid | upper}}",
                "/C1 IS 4711",
            ),
            ("{{len .Config.Env}}\\t{{title \"up\"}}", "2\tUp"),
        ] {
            assert_eq!(rendered(format), text, "{format}");
        }
    }

    #[test]
    fn a_field_that_is_not_there_is_an_error() {
        assert!(rendered("{{.State.Pdi}}").contains("Pdi"));
        assert!(rendered("{{.State").contains("unclosed action"));
        assert!(rendered("{{frobnicate .}}").contains("frobnicate"));
        assert!(rendered("{{join 1 2}}").contains("join takes a list"));
    }
}
