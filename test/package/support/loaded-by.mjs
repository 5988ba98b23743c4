// Imports the module named on the command line, and prints what that made Node load: the addresses of all scripts, by
// the engine's own account, and the names of Node's own modules.
import { Session } from 'node:inspector'

const scripts = new Set()
const session = new Session()
session.connect()
session.on('Debugger.scriptParsed', ({ params }) => scripts.add(params.url))
session.post('Debugger.enable')
scripts.clear()
const before = new Set(process.moduleLoadList)

await import(process.argv[2])

const builtins = process.moduleLoadList.filter((name) => !before.has(name))
console.log(JSON.stringify({ scripts: [...scripts], builtins }))
