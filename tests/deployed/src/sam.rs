//! What AWS's own tools do: `sam deploy`, and the transform behind it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::aws::{ACCESS_KEY, REGION};
use crate::translation::Translation;

/// Why a tool did not do its part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SamError {
    #[error("{0} cannot be run")]
    Start(String, #[source] std::io::Error),
    #[error("{program} failed:\n{said}")]
    Failed { program: String, said: String },
    #[error("the transform wrote no JSON")]
    Shape(#[from] serde_json::Error),
}

/// Where the tools lie.
#[derive(Debug, Clone)]
pub(crate) struct Sam {
    /// The folder of `sam` and of its `python`.
    pub(crate) bin: PathBuf,
}

impl Sam {
    /// Deploys what `sam build` left in `built` as the stack `name`.
    pub(crate) async fn deploy(
        &self,
        endpoint: &str,
        name: &str,
        built: &Path,
        parameters: &[(&str, &str)],
    ) -> Result<(), SamError> {
        let mut command = Command::new(self.bin.join("sam"));
        command
            .args(["deploy", "--resolve-s3", "--capabilities", "CAPABILITY_IAM"])
            .args(["--no-confirm-changeset", "--no-progressbar", "--stack-name", name])
            .arg("--template-file")
            .arg(built)
            // The file of settings is for real accounts.
            .args(["--config-env", "none", "--parameter-overrides"])
            .args(parameters.iter().map(|(name, value)| format!("{name}={value}")))
            .env("AWS_ENDPOINT_URL", endpoint);
        self.run(command).await?;
        Ok(())
    }

    /// What the SAM transform makes of `template` in a stage: plain CloudFormation, unresolved.
    pub(crate) async fn translate(
        &self,
        template: &Path,
        stage: &str,
    ) -> Result<Translation, SamError> {
        let mut command = Command::new(self.bin.join("python"));
        command.arg("-c").arg(include_str!("translate.py")).arg(template).arg(stage);
        Ok(Translation::new(serde_json::from_slice(&self.run(command).await?)?))
    }

    async fn run(&self, mut command: Command) -> Result<Vec<u8>, SamError> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let output = command
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY)
            .env("SAM_CLI_TELEMETRY", "0")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|error| SamError::Start(program.clone(), error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = [output.stdout, output.stderr].concat();
        Err(SamError::Failed { program, said: String::from_utf8_lossy(&said).into_owned() })
    }
}
