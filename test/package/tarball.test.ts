import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, inject, test } from 'vitest'
import { complaints, programOf, strict } from './support/compile.js'
import { entryPoints } from './support/entry-points.js'
import { run } from './support/program.js'
import { root } from './support/root.js'

const { files, nest11, nest12, tarball } = inject('consumers')

describe('the tarball', () => {
  const below = (folder: string): readonly string[] =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length))

  test('has the sources, what they compile to, the pages, the licence, and nothing else', () => {
    const sources = below('src')
    const built = sources.flatMap((file) => {
      const name = file.replace(/^src/, 'dist').replace(/\.ts$/, '')
      return ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => name + ending)
    })
    const own = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']
    expect(files.toSorted()).toEqual([...sources, ...built, ...below('docs'), ...own].toSorted())
  })

  test('passes publint', () => {
    const output = tool('publint', ['--strict', tarball])
    expect(output).toContain('All good!')
  })

  test('has types that resolve, by the judgement of attw, for every path', () => {
    const report = JSON.parse(
      tool('attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'json']),
    ) as {
      analysis: { entrypoints: Record<string, unknown>; problems: readonly { kind: string; resolutionKind: string }[] }
    }
    const paths = Object.keys(entryPoints).map((name) => name.replace(/^latchkey/, '.'))
    expect(Object.keys(report.analysis.entrypoints).toSorted()).toEqual([...paths, './package.json'].toSorted())
    // What it says of these two is what "ESM only" means.
    const ignored = ['node10', 'node16-cjs']
    const { problems } = report.analysis
    expect(problems.filter(({ resolutionKind }) => ignored.includes(resolutionKind))).not.toEqual([])
    expect(problems.filter(({ resolutionKind }) => !ignored.includes(resolutionKind))).toEqual([])
  })
})

function tool(name: string, args: readonly string[]): string {
  return execFileSync(join(root, 'node_modules/.bin', name), args, { cwd: root, encoding: 'utf8' })
}

/** Code that uses a bit of everything, and prints what it has seen. */
const body = `
const store = new FailingStore(new MemoryStore())
const { close } = sessions({ store, secret: 'for tests', lifetime: days(1), idleTimeout: minutes(5) })
const seen = [typeof SessionModule.forRoot, typeof SqliteStore, typeof RedisStore, typeof fastifySessions, keyOf(newId('ann')).length]
console.log(JSON.stringify(seen))
void close()
`

const imports = [
  ['{ days, minutes, SessionModule }', 'latchkey'],
  ['{ keyOf, newId }', 'latchkey/core'],
  ['{ sessions }', 'latchkey/express'],
  ['{ sessions as fastifySessions }', 'latchkey/fastify'],
  ['{ MemoryStore }', 'latchkey/stores/memory'],
  ['{ RedisStore }', 'latchkey/stores/redis'],
  ['{ SqliteStore }', 'latchkey/stores/sqlite'],
  ['{ FailingStore }', 'latchkey/testing'],
] as const

/** A small application: somebody signs in, is known, signs out, and a copy of the cookie is worth nothing. */
const app = `
import 'reflect-metadata'
import { Controller, Get, Module, Post, Req, Session as CurrentSession, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { CurrentUser, SessionAuthGuard, SessionModule, SessionService, type Session } from 'latchkey'
import { MemoryStore } from 'latchkey/stores/memory'
import { CookieAgent } from 'latchkey/testing'

@Controller()
class AppController {
  constructor(private readonly sessions: SessionService) {}

  @Post('login')
  login(@CurrentSession() session: Session<{ userId: number; email: string }>) {
    session.userId = 42
    session.email = 'ann@example.com'
  }

  @UseGuards(SessionAuthGuard)
  @Get('me')
  async me(@CurrentUser() user: object, @CurrentUser('id') id: number) {
    return { user, sessions: await this.sessions.count(id) }
  }

  @Post('logout')
  async logout(@Req() request: object) {
    await this.sessions.logout(request)
  }
}

@Module({
  imports: [SessionModule.forRoot({ store: new MemoryStore(), secret: 'for tests' })],
  controllers: [AppController],
})
class AppModule {}

async function main(): Promise<void> {
  const adapter = process.argv[2] === 'fastify' ? new FastifyAdapter() : new ExpressAdapter()
  const app = await NestFactory.create(AppModule, adapter, { logger: ['error', 'warn'] })
  await app.listen(0, '127.0.0.1')
  const agent = new CookieAgent(await app.getUrl())
  const status = async (path: string, client = agent) => (await client.get(path)).status
  const seen: unknown[] = [await status('/me'), (await agent.post('/login')).status]
  const copy = agent.copy()
  seen.push(await (await agent.get('/me')).json(), (await agent.post('/logout')).status)
  seen.push(agent.cookies.length, await status('/me', copy))
  console.log(JSON.stringify(seen))
  await app.close()
}
void main()
`

const visit = [401, 201, { user: { id: 42, email: 'ann@example.com' }, sessions: 1 }, 201, 0, 401]

const esm = imports.map(([names, module]) => `import ${names} from '${module}'`).join('\n') + body

describe.each([
  ['Nest 12', nest12],
  ['Nest 11', nest11],
])('installed in a project with %s', (_, consumer) => {
  test.each([
    ['an ES module', 'module', { ...strict }],
    // As Nest 11 makes its projects: TypeScript writes \`require\`, and Node can require an ES module.
    ['a CommonJS module', 'commonjs', { ...strict, verbatimModuleSyntax: false }],
  ])('it compiles in %s, and an application runs on Express and on Fastify', async (_name, type, options) => {
    const folder = join(consumer, type)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }))
    writeFileSync(join(folder, 'main.ts'), esm)
    writeFileSync(join(folder, 'app.ts'), app)
    const program = programOf(consumer, [join(folder, 'main.ts'), join(folder, 'app.ts')], options)
    expect(complaints(program, folder)).toEqual([])
    program.emit()
    for (const platform of ['express', 'fastify']) {
      const { stdout, stderr } = await run(folder, ['app.js', platform])
      expect(stderr, platform).toBe('')
      expect(JSON.parse(stdout), platform).toEqual(visit)
    }
    expect(ts.sys.readFile(join(folder, 'main.js'))).toContain(type === 'module' ? 'import {' : 'require("latchkey")')
    const { code, stdout, stderr } = await run(folder, ['main.js'])
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual(['function', 'function', 'function', 'function', 51])
    expect(code).toBe(0)
  })
})
