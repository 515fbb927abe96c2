//! `lifeboat list`.

use lifeboat_model::ExitCode;

use crate::print::outln;

/// Prints the catalogue.
pub fn list() -> ExitCode {
    for drill in lifeboat_drills::catalogue() {
        let about = drill.about();
        outln!("{}: {}", drill.name(), about.summary);
        outln!("  targets  {}", about.targets.join(", "));
        outln!("  needs    {}", about.needs);
        outln!("  proves   {}", about.proves);
        for (index, (key, meaning)) in about.options.iter().enumerate() {
            let head = if index == 0 { "options" } else { "" };
            outln!("  {head:8} {key}: {meaning}");
        }
        outln!();
    }
    ExitCode::Met
}
