import fastifyHelmet from '@fastify/helmet'
import { ConsoleLogger, type INestApplication, type LoggerService, type NestApplicationOptions } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import helmet, { type HelmetOptions } from 'helmet'
import { AppModule } from './app.module.js'
import { makeDataFolder } from './config/data-folder.js'
import type { Settings } from './config/settings.js'

/** The portal takes nothing longer, in bytes. */
const BODY_LIMIT = 16 * 1024

/** The page has one script, one stylesheet and one icon of its own, and talks to nobody else. */
const HELMET = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
} satisfies HelmetOptions

/**
 * Makes the portal, on Express or on Fastify. It is not listening yet.
 *
 * @throws what keeps it from starting, and reports nothing by itself
 */
export async function createApp(
  settings: Settings,
  logger: LoggerService | false = new PortalLogger(),
): Promise<INestApplication> {
  makeDataFolder(settings.dataFolder)
  // Bodies are JSON and nothing else, so that no form on another site can post one.
  const options: NestApplicationOptions = { abortOnError: false, bodyParser: false, logger }
  return settings.adapter === 'fastify' ? onFastify(settings, options) : onExpress(settings, options)
}

async function onExpress(settings: Settings, options: NestApplicationOptions): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.forRoot(settings),
    new ExpressAdapter(),
    options,
  )
  if (settings.trustProxy) app.set('trust proxy', settings.trustProxy)
  app.use(helmet(HELMET))
  app.useBodyParser('json', { limit: BODY_LIMIT })
  return app
}

async function onFastify(settings: Settings, options: NestApplicationOptions): Promise<INestApplication> {
  const adapter = new FastifyAdapter({ bodyLimit: BODY_LIMIT, trustProxy: settings.trustProxy ?? false })
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forRoot(settings), adapter, options)
  await app.register(fastifyHelmet, HELMET)
  return app
}

/** Nest's own, except that an error which ends the start is left to whoever asked for the start. */
export class PortalLogger extends ConsoleLogger {
  override error(message: unknown, ...more: unknown[]): void {
    // Of an error only its stack: those of the database hold the values of their query, and with them password hashes.
    const line = message instanceof Error ? stackOf(message) : message
    if (more.at(-1) !== 'ExceptionHandler') super.error(line, ...more)
  }
}

function stackOf({ stack, cause }: Error): string {
  return cause instanceof Error ? `${stack}\nCause: ${stackOf(cause)}` : String(stack)
}
