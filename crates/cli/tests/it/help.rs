//! What the program says about itself, and how it takes a command line that makes no sense.

use crate::program::Run;

/// Every command, found by walking the help texts: none can be forgotten.
fn commands() -> Vec<Vec<String>> {
    let mut open = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(command) = open.pop() {
        let help = help(&command);
        let listed = help.split("Commands:\n").nth(1).unwrap_or("");
        let listed = listed.lines().take_while(|line| !line.is_empty());
        // Continuation lines stand further to the right.
        let listed = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        for name in listed.filter_map(|line| line.split_whitespace().next()) {
            if name != "help" {
                open.push(command.iter().cloned().chain([name.to_owned()]).collect());
            }
        }
        found.push(command);
    }
    found
}

fn help(command: &[String]) -> String {
    let run = Run::new(command).argument("--help").finish().quiet_success();
    run.text().to_owned()
}

#[test]
fn every_command_has_help_with_an_example() {
    let commands = commands();
    for command in ["classify", "embed", "score", "model"] {
        assert!(commands.contains(&vec![command.to_owned()]), "{command} is found");
    }
    for action in ["list", "info", "check", "pull"] {
        let command = vec!["model".to_owned(), action.to_owned()];
        assert!(commands.contains(&command), "model {action} is found");
    }
    for command in commands {
        let help = help(&command);
        assert!(help.contains("Example"), "{command:?} shows no example");
        assert!(help.contains("  polysight "), "{command:?} shows no command line");
    }
}

#[test]
fn every_command_that_has_results_takes_json() {
    for command in commands() {
        let help = help(&command);
        assert!(help.contains("Commands:") || help.contains("--json"), "{command:?} has no --json");
    }
}

#[test]
fn an_unknown_flag_is_a_usage_error_of_every_command() {
    for command in commands() {
        let run = Run::new(&command).argument("--no-such-flag").finish();
        run.usage_error("--no-such-flag");
    }
}

#[test]
fn no_command_at_all_is_a_usage_error_that_shows_the_help() {
    Run::new([""; 0]).finish().usage_error("Usage: polysight [OPTIONS] <COMMAND>");
}

#[test]
fn the_version_is_that_of_the_package() {
    let run = Run::new(["--version"]).finish().quiet_success();
    assert_eq!(run.text(), concat!("polysight ", env!("CARGO_PKG_VERSION"), "\n"));
}
