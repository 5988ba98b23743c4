// Before the tests: makes sure that a Redis or Valkey server, a PostgreSQL server and a Chromium are there. Installs what
// is missing where it can (root, apt-get), and otherwise says in one sentence what to install. It never lets the tests
// skip anything.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

const needs = [
  {
    what: 'a Redis or Valkey server',
    variable: 'REDIS_SERVER',
    commands: ['redis-server', 'valkey-server'],
    package: 'redis-server',
  },
  {
    what: 'a PostgreSQL server',
    // Its folder, because the tests need initdb too. Debian's is not on the PATH.
    variable: 'POSTGRES_BIN',
    commands: ['postgres'],
    folders: debianPostgresFolders,
    package: 'postgresql',
  },
  {
    what: 'a Chromium',
    variable: 'CHROMIUM',
    commands: ['chromium', 'chromium-browser', 'google-chrome'],
    package: 'chromium',
  },
]

for (const need of needs) {
  const named = process.env[need.variable]
  if (!named) continue
  if (need.folders) {
    if (!find(join(named, need.commands[0]))) {
      stop(`${need.variable} is ${named}, which is no folder with ${need.commands[0]}; set it to one, or unset it.`)
    }
  } else if (!find(named)) stop(`${need.variable} is ${named}, which is no program; set it to one, or unset it.`)
}

const missing = needs.filter((need) => !isThere(need))
if (missing.length > 0) {
  if (process.getuid?.() === 0 && find('apt-get')) {
    apt('update')
    apt('install', '-y', '--no-install-recommends', ...missing.map((need) => need.package))
  }
  const still = missing.filter((need) => !isThere(need))
  if (still.length > 0) {
    const how = still.map((need) => `${need.what} (${need.commands.join(', ')} on the PATH, or ${need.variable})`)
    stop(
      `The tests need ${how.join(' and ')}: install what is missing, on Debian with \`apt-get install ${still.map((need) => need.package).join(' ')}\`.`,
    )
  }
}

function isThere(need) {
  return Boolean(process.env[need.variable]) || need.commands.some((command) => find(command, need.folders?.()))
}

/** Whether a command, as a path or by its name on the PATH or in one of these folders, can be run. */
function find(command, folders = []) {
  const places = isAbsolute(command)
    ? [command]
    : [...(process.env.PATH ?? '').split(delimiter), ...folders].map((at) => join(at, command))
  return places.some((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function debianPostgresFolders() {
  const base = '/usr/lib/postgresql'
  try {
    return readdirSync(base).map((version) => join(base, version, 'bin'))
  } catch {
    return []
  }
}

/** RUNLEVEL=1 keeps the package's own service from being started: the tests start servers of their own. */
function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  spawnSync('apt-get', args, { stdio: ['ignore', 'inherit', 'inherit'], env })
}

function stop(sentence) {
  console.error(sentence)
  process.exit(1)
}
