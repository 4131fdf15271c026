//! `keygen` and `sign`: who vouches for a version.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use registry::{SigningKey, TrustedKey};

use crate::config::{KeygenArgs, Output, SignArgs};
use crate::context::Context;
use crate::to_json;
use crate::versions::resolve;

/// Makes a pair of keys; what is there already is never written over.
pub(crate) fn keygen(args: &KeygenArgs) -> anyhow::Result<String> {
    let private = &args.signing_key;
    let mut public = private.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    anyhow::ensure!(
        !public.exists(),
        "{} is there already; choose another name for the new key",
        public.display()
    );
    let (private_pem, public_pem) = SigningKey::generate()?;
    write_new(private, &private_pem, 0o600)?;
    if let Err(error) = write_new(&public, &public_pem, 0o644) {
        let _ = std::fs::remove_file(private); // half a pair is of no use
        return Err(error);
    }
    let id = TrustedKey::from_file(&public)?.id().to_owned();
    let (private, public) = (private.display().to_string(), public.display().to_string());
    Ok(match args.common.output {
        Output::Json => to_json(&serde_json::json!({
            "id": id, "signing_key": private, "trusted_key": public,
        })),
        Output::Text => format!(
            "Key {id}\n\
             {private}: keep it to yourself; canopy-trainer fit --signing-key {private}\n\
             {public}: give it to the servers; canopy-inference --trusted-key {public}"
        ),
    })
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.with_context(|| format!("writing the key {}", path.display()))
}

/// Signs a version that is published.
pub(crate) fn sign(args: &SignArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let key = SigningKey::from_file(&args.signing_key)?;
    let (model, version) = resolve(&registry, &args.version, context)?;
    context.wait(registry.sign(&model, version, &key))?;
    let id = key.id();
    tracing::info!(model.name = %model, model.version = version, key = id, "signed");
    Ok(match args.common.output {
        Output::Json => to_json(&serde_json::json!({
            "model": model, "version": version, "key": id,
        })),
        Output::Text => format!("{model} version {version} is signed with key {id}"),
    })
}
