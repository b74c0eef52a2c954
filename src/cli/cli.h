// The command line: parses the arguments and runs the command they name. What
// a command does is in the folder it belongs to.

#pragma once

namespace datashim::cli {

/// Runs `datashim <command> …`; prints help and errors itself.
/// Must be called before the process has another thread.
/// @return the process's exit code: 0, 1 (the command failed) or 2 (usage).
int Run(int argc, char** argv);

}  // namespace datashim::cli
