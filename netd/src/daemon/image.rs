//! What happens to images is told.

use std::collections::BTreeMap;

use super::Daemon;

impl Daemon {
    /// Tells that something happened to the image that is known as `id`; `name` is what Docker calls it there.
    pub fn image_event(
        &self,
        action: &'static str,
        id: impl ToString,
        name: impl ToString,
        labels: &BTreeMap<String, String>,
    ) {
        let labels = labels
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        let name = ("name".to_owned(), name.to_string());
        self.events()
            .send("image", action, id, labels.chain([name]));
    }
}
