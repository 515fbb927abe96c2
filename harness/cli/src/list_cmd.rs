//! `lifeboat list`.

use lifeboat_model::ExitCode;

/// Prints the catalogue.
pub fn list() -> ExitCode {
    for drill in lifeboat_drills::catalogue() {
        let about = drill.about();
        println!("{}: {}", drill.name(), about.summary);
        println!("  targets  {}", about.targets.join(", "));
        println!("  needs    {}", about.needs);
        println!("  proves   {}", about.proves);
        for (index, (key, meaning)) in about.options.iter().enumerate() {
            let head = if index == 0 { "options" } else { "" };
            println!("  {head:8} {key}: {meaning}");
        }
        println!();
    }
    ExitCode::Met
}
