#include "cli/cli.h"

int main(int argc, char** argv) { return datashim::cli::Run(argc, argv); }
