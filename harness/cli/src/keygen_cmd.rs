//! `lifeboat keygen`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use lifeboat_model::ExitCode;
use lifeboat_reports::SigningKey;

use crate::args::KeygenArgs;
use crate::failure::Failure;
use crate::print::outln;

/// Makes a key to sign runs with, and the public key beside it. Nothing that is there is written over.
pub fn keygen(args: &KeygenArgs) -> Result<ExitCode, Failure> {
    let private = SigningKey::generate().map_err(Failure::internal)?;
    let public = SigningKey::from_pem(&private).map_err(Failure::internal)?.public();
    let beside = args.out.with_extension("pub");
    if beside == args.out {
        return Err(Failure::usage(format!(
            "{}: `.pub` is the ending of the public key; give the private one another name",
            args.out.display()
        )));
    }
    write_new(&beside, &public.pem(), 0o644)?;
    if let Err(failure) = write_new(&args.out, &private, 0o600) {
        // Made a moment ago, and of no use alone.
        let _ = std::fs::remove_file(&beside);
        return Err(failure);
    }
    outln!("{}: sign with it (`lifeboat run --sign-key`), and show it to nobody", args.out.display());
    outln!(
        "{}: give it to those who verify (`lifeboat verify --key`), SHA-256 {}",
        beside.display(),
        public.hint()
    );
    Ok(ExitCode::Met)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|cause| {
        Failure::usage(format!(
            "cannot make {}: {cause}; a key that is there is not written over",
            path.display()
        ))
    })
}
