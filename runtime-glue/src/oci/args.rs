//! The command line: that of runc, whose callers it has.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// Runs containers from bundles of the OCI runtime specification.
#[derive(Debug, Parser)]
#[command(name = "rnet-oci", bin_name = "rnet oci", version, disable_help_subcommand = true, long_version = VERSION)]
pub(super) struct Args {
    /// Where to keep what is known of containers; best on a tmpfs
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/run/rnet-oci",
        global = true
    )]
    pub(super) root: PathBuf,
    /// Where to write errors and warnings, beside the standard error
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) log: Option<PathBuf>,
    /// How to write them there
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    pub(super) log_format: LogFormat,
    /// Taken for the sake of callers, and without effect
    #[arg(long, global = true)]
    pub(super) debug: bool,
    /// Ask systemd for control groups (not supported)
    #[arg(long, global = true)]
    pub(super) systemd_cgroup: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nspec: 1.2.1");

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum ListFormat {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a container, up to where its program would run
    Create(Create),
    /// Run the program of a container that was created
    Start {
        /// The container
        id: String,
    },
    /// Make a container, run its program and, unless detached, wait for its end
    Run(Run),
    /// Run another program in a container
    Exec(Box<Exec>),
    /// Tell where a container is in its life, as JSON
    State {
        /// The container
        id: String,
    },
    /// List containers
    #[command(visible_alias = "ls")]
    List {
        /// How
        #[arg(short, long, default_value = "table")]
        format: ListFormat,
        /// Only their ids
        #[arg(short, long)]
        quiet: bool,
    },
    /// Show the processes of a container
    Ps {
        /// How
        #[arg(short, long, default_value = "table")]
        format: ListFormat,
        /// The container
        id: String,
        /// What ps(1) is asked for, -ef if nothing
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Send a signal to a container's first process
    Kill {
        /// To all of its processes
        #[arg(short, long)]
        all: bool,
        /// The container
        id: String,
        /// A name or a number
        #[arg(default_value = "TERM")]
        signal: String,
    },
    /// Remove what is left of a container that has ended
    #[command(visible_alias = "rm")]
    Delete {
        /// End it first; one that is not there is no failure
        #[arg(short, long)]
        force: bool,
        /// The container
        id: String,
    },
    /// Hold all processes of a container still
    Pause {
        /// The container
        id: String,
    },
    /// Let them go on
    Resume {
        /// The container
        id: String,
    },
    /// Change what a container may use up
    Update(Box<Update>),
    /// Tell what of the specification is supported, as JSON
    Features,
    /// Write a config.json to start from
    Spec {
        /// Where the bundle is
        #[arg(short, long, value_name = "DIR")]
        bundle: Option<PathBuf>,
        /// For a user namespace whose root is you
        #[arg(long)]
        rootless: bool,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Create {
    /// Where the bundle is, the directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(super) bundle: PathBuf,
    #[command(flatten)]
    pub(super) given: Given,
    /// Move the root over the host's instead of swapping them: for hosts on a ramdisk
    #[arg(long)]
    pub(super) no_pivot: bool,
    /// Keep the session keyring of the caller
    #[arg(long)]
    pub(super) no_new_keyring: bool,
    /// What to call it
    pub(super) id: String,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) create: Create,
    /// Do not wait for its end
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Leave it there after its end
    #[arg(long)]
    pub(super) keep: bool,
}

/// What a process gets from the caller.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Given {
    /// The socket to send the terminal to
    #[arg(long, value_name = "PATH")]
    pub(super) console_socket: Option<PathBuf>,
    /// Where to write the number of its process
    #[arg(long, value_name = "FILE")]
    pub(super) pid_file: Option<PathBuf>,
    /// How many descriptors from 3 on to hand on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) preserve_fds: u32,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Exec {
    /// The process as in config.json, instead of a command
    #[arg(short, long, value_name = "FILE")]
    pub(super) process: Option<PathBuf>,
    #[command(flatten)]
    pub(super) given: Given,
    /// Do not wait for its end
    #[arg(short, long)]
    pub(super) detach: bool,
    /// With a terminal
    #[arg(short, long)]
    pub(super) tty: bool,
    /// The directory to start in
    #[arg(long, value_name = "DIR")]
    pub(super) cwd: Option<String>,
    /// A variable, NAME=VALUE
    #[arg(short, long, value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub(super) env: Vec<String>,
    /// Who runs it, UID[:GID]
    #[arg(short, long, value_name = "UID[:GID]")]
    pub(super) user: Option<String>,
    /// One more group
    #[arg(short = 'g', long, value_name = "GID", action = ArgAction::Append)]
    pub(super) additional_gids: Vec<u32>,
    /// One more capability
    #[arg(short, long, value_name = "NAME", action = ArgAction::Append)]
    pub(super) cap: Vec<String>,
    /// Whether it may not gain privileges
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) no_new_privs: Option<bool>,
    /// Its AppArmor profile
    #[arg(long, value_name = "PROFILE")]
    pub(super) apparmor: Option<String>,
    /// Its SELinux label
    #[arg(long, value_name = "LABEL")]
    pub(super) process_label: Option<String>,
    /// Into a container that is held still, too
    #[arg(long)]
    pub(super) ignore_paused: bool,
    /// The container
    pub(super) id: String,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) args: Vec<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Update {
    /// All of it as in config.json, from a file, or from the standard input with -
    #[arg(short, long, value_name = "FILE")]
    pub(super) resources: Option<PathBuf>,
    /// Bytes of memory
    #[arg(long, allow_negative_numbers = true)]
    pub(super) memory: Option<i64>,
    /// Bytes of memory that are kept where there is little
    #[arg(long, allow_negative_numbers = true)]
    pub(super) memory_reservation: Option<i64>,
    /// Bytes of memory and swap together; -1 for as much as there is
    #[arg(long, allow_negative_numbers = true)]
    pub(super) memory_swap: Option<i64>,
    /// Microseconds of CPU in each period
    #[arg(long, allow_negative_numbers = true)]
    pub(super) cpu_quota: Option<i64>,
    /// The length of a period in microseconds
    #[arg(long)]
    pub(super) cpu_period: Option<u64>,
    /// The weight among others that want the CPU
    #[arg(long, visible_alias = "cpu-share")]
    pub(super) cpu_shares: Option<u64>,
    /// The CPUs to run on
    #[arg(long)]
    pub(super) cpuset_cpus: Option<String>,
    /// The memory nodes to use
    #[arg(long)]
    pub(super) cpuset_mems: Option<String>,
    /// The weight among others that want the disks
    #[arg(long)]
    pub(super) blkio_weight: Option<u16>,
    /// Processes and threads; -1 for as many as there can be
    #[arg(long, allow_negative_numbers = true)]
    pub(super) pids_limit: Option<i64>,
    /// The container
    pub(super) id: String,
}
