//! Running programs in containers that run already.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bollard_stubs::models::{ExecConfig, ExecInspectResponse, ExecStartConfig, ProcessConfig};
use serde_json::json;

use super::attach::{content_type, detach_keys};
use crate::api::body::Json;
use crate::api::hijack::{Takeover, Talk};
use crate::api::output::Form;
use crate::api::version::ApiVersion;
use crate::api::{Answer, Api};
use crate::daemon::{Daemon, Exec, Progress};

pub(super) async fn create(
    State(api): State<Api>,
    Path(reference): Path<String>,
    Json(config): Json<ExecConfig>,
) -> Answer<Response> {
    detach_keys(config.detach_keys.as_deref())?;
    let id = api
        .run(move |daemon| daemon.exec_create(&reference, config))
        .await?;
    // the stubs' own type for this writes `id`, which no client reads
    Ok((StatusCode::CREATED, axum::Json(json!({ "Id": id }))).into_response())
}

pub(super) async fn start(
    State(api): State<Api>,
    Path(id): Path<String>,
    version: ApiVersion,
    mut request: Request,
) -> Answer<Response> {
    let takeover = Takeover::of(&mut request);
    let Json(config): Json<ExecStartConfig> = Json::read(request).await?;
    let exec = api.daemon.exec_check(&id)?;
    let ended = {
        let (daemon, id) = (Arc::clone(&api.daemon), id.clone());
        async move { daemon.exec_ended(&id).await }
    };
    let start = move |daemon: &Arc<Daemon>| daemon.exec_start(&id);
    if config.detach.unwrap_or(false) {
        api.run(start).await?;
        return Ok(StatusCode::OK.into_response());
    }
    let tty = exec.config.tty.unwrap_or(false);
    let process = {
        let api = api.clone();
        // after the answer's headers: some clients lose what comes along with them; and why there is no process is
        // told where clients look for it, among its output (moby, exec_routes.go)
        let complaint = move |failure| Form::live(tty).message(&format!("{failure}\r\n"));
        async move { api.run(start).await.map_err(complaint) }
    };
    // who heard the end asks for the exit code at once
    let keys = detach_keys(exec.config.detach_keys.as_deref())?;
    let talk = Talk::with(process).until(ended);
    let talk = talk.left_by(Some(keys).filter(|_| tty));
    Ok(takeover.splice(&api, content_type(tty, version), talk))
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Answer<axum::Json<ExecInspectResponse>> {
    api.run(move |daemon| daemon.exec_inspect(&id))
        .await
        .map(inspect)
        .map(axum::Json)
}

fn inspect(exec: Exec) -> ExecInspectResponse {
    let (running, pid, exit_code) = match exec.progress {
        Progress::Created => (false, 0, None),
        Progress::Running { pid } => (true, pid, None),
        Progress::Exited { code, .. } => (false, 0, Some(code)),
    };
    let config = exec.config;
    let mut words = config.cmd.unwrap_or_default().into_iter();
    ExecInspectResponse {
        can_remove: Some(false),
        detach_keys: config.detach_keys,
        id: Some(exec.id),
        running: Some(running),
        exit_code,
        process_config: Some(ProcessConfig {
            privileged: Some(false),
            user: config.user,
            tty: Some(config.tty.unwrap_or(false)),
            entrypoint: words.next(),
            arguments: Some(words.collect()),
        }),
        open_stdin: Some(config.attach_stdin.unwrap_or(false)),
        open_stderr: Some(config.attach_stderr.unwrap_or(false)),
        open_stdout: Some(config.attach_stdout.unwrap_or(false)),
        container_id: Some(exec.container.to_string()),
        pid: Some(i64::from(pid)),
    }
}
