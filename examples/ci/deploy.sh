#!/bin/sh
# Deploys a folder from a pipeline and calls a function of it; a refusal or a failure ends the job.
#
#   SKERRY_API, SKERRY_GATEWAY   where the platform is
#   SKERRY_KEY                   a key of the role developer that is confined to the app
#
# usage: deploy.sh FOLDER APP/FN
set -eu

folder=${1:?the folder to deploy}
function=${2:?the function to call afterwards, APP/FN}
: "${SKERRY_API:?the address of the control API}"
: "${SKERRY_GATEWAY:?the address of the gateway}"
: "${SKERRY_KEY:?a key of the role developer, confined to the app}"

# Within one attempt of a job a change is made once. The job that is run again is another attempt:
# after a build that failed, or to go back to older code, it has to deploy, not to be answered as before.
attempt=${GITHUB_RUN_ID:+$GITHUB_RUN_ID-${GITHUB_RUN_ATTEMPT:-1}}
attempt=${attempt:-${CI_JOB_ID:-}}
if [ -n "$attempt" ]; then
  npx skerry deploy "$folder" --idempotency-key "ci-$attempt-$(basename "$folder")"
else
  npx skerry deploy "$folder"
fi
npx skerry invoke "$function" --data '{}'
