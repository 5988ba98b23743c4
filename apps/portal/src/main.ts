import 'reflect-metadata'
import { existsSync } from 'node:fs'
import { loadEnvFile } from 'node:process'
import { fileURLToPath } from 'node:url'
import { Logger } from '@nestjs/common'
import { readSettings } from './config/settings.js'
import { createApp } from './create-app.js'

/** The `.env` that stands beside `.env.example`. What the environment has already is left. */
const ENV_FILE = fileURLToPath(new URL('../../../.env', import.meta.url))

try {
  if (existsSync(ENV_FILE)) loadEnvFile(ENV_FILE)
  const settings = readSettings()
  const app = await createApp(settings)
  app.enableShutdownHooks([], { useProcessExit: true })
  await app.listen(settings.port, settings.host)
  const { port } = app.getHttpServer().address() as { port: number }
  new Logger('Portal').log(
    `On ${settings.adapter}, users in ${settings.databaseUrl ? 'PostgreSQL' : 'SQLite'}, ` +
      `sessions in ${settings.redisUrl ? 'Redis' : 'SQLite'}: http://localhost:${port}`,
  )
} catch (error) {
  console.error(`The portal did not start: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
