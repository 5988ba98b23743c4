import { Inject, Logger, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { Door } from '../http/door.js'
import { SESSION_DOOR } from './session.constants.js'
import { SessionAuthGuard } from './session.guard.js'
import { SessionHealthIndicator } from './session.health.js'
import { SessionMiddleware } from './session.middleware.js'
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type SessionModuleOptions,
} from './session.module-definition.js'
import { mount, trustProxyOf } from './session.mount.js'
import { SessionService } from './session.service.js'

/**
 * Sessions for a Nest application: `SessionModule.forRoot({ secret, store })`, or `forRootAsync` with a factory, for
 * example from `ConfigService`.
 *
 * Global unless told otherwise (`isGlobal: false`). Mounts itself on Express and on Fastify, before all middleware, so that
 * `req.session` and `@Session()` work everywhere. The application is initialized when the store can be used; while it can't be
 * for `startTimeout`, `init` and `listen` reject. When the application shuts down, it closes what the store opened.
 *
 * @throws SessionError `OPTIONS_INVALID` at start-up for options that can't work.
 */
@Module({
  providers: [
    {
      provide: SESSION_DOOR,
      inject: [MODULE_OPTIONS_TOKEN, HttpAdapterHost],
      useFactory: openDoor,
    },
    SessionService,
    SessionMiddleware,
    SessionAuthGuard,
    SessionHealthIndicator,
  ],
  exports: [
    SESSION_DOOR,
    MODULE_OPTIONS_TOKEN,
    SessionService,
    SessionMiddleware,
    SessionAuthGuard,
    SessionHealthIndicator,
  ],
})
export class SessionModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  readonly #door: Door

  constructor(@Inject(SESSION_DOOR) door: Door) {
    super()
    this.#door = door
  }

  onModuleInit(): Promise<void> {
    return this.#door.ready()
  }

  onApplicationShutdown(): Promise<void> {
    return this.#door.close()
  }
}

function openDoor(options: SessionModuleOptions, host: HttpAdapterHost): Door {
  const { user: _user, signIn: _signIn, ...sessionOptions } = options
  const logger = new Logger('SessionModule')
  const door = new Door({ log: (line) => logger.warn(line), ...sessionOptions }, () => trustProxyOf(host))
  mount(door, host)
  return door
}
