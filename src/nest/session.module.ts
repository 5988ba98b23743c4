import { Inject, Logger, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common'
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core'
import { Subject } from 'rxjs'
import type { SessionEvent } from '../core/events.js'
import { callable } from '../core/options.js'
import { Door } from '../http/door.js'
import type { LogFields } from '../http/log.js'
import { SessionCache } from './session.cache.js'
import { CACHE_MANAGER, SESSION_DOOR, SESSION_SUBJECT } from './session.constants.js'
import { SessionEvents } from './session.events.js'
import { SessionExceptionFilter } from './session.exception-filter.js'
import { SessionAuthGuard } from './session.guard.js'
import { SessionHealthIndicator } from './session.health.js'
import { SessionMiddleware } from './session.middleware.js'
import {
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN,
  type SessionModuleOptions,
} from './session.module-definition.js'
import { mount, trustProxyOf } from './session.mount.js'
import { SessionPolicyGuard } from './session.policy-guard.js'
import { routeChoices } from './session.routes.js'
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
    { provide: SESSION_SUBJECT, useFactory: () => new Subject<SessionEvent>() },
    {
      provide: SESSION_DOOR,
      inject: [
        MODULE_OPTIONS_TOKEN,
        HttpAdapterHost,
        SESSION_SUBJECT,
        ApplicationConfig,
        ModulesContainer,
        SessionPolicyGuard,
        SessionExceptionFilter,
      ],
      useFactory: openDoor,
    },
    { provide: CACHE_MANAGER, useClass: SessionCache },
    SessionEvents,
    SessionService,
    SessionMiddleware,
    SessionAuthGuard,
    SessionHealthIndicator,
    SessionPolicyGuard,
    SessionExceptionFilter,
  ],
  exports: [
    SESSION_DOOR,
    MODULE_OPTIONS_TOKEN,
    CACHE_MANAGER,
    SessionService,
    SessionEvents,
    SessionMiddleware,
    SessionAuthGuard,
    SessionHealthIndicator,
  ],
})
export class SessionModule extends ConfigurableModuleClass implements OnModuleInit, OnApplicationShutdown {
  readonly #door: Door
  readonly #subject: Subject<SessionEvent>

  constructor(@Inject(SESSION_DOOR) door: Door, @Inject(SESSION_SUBJECT) subject: Subject<SessionEvent>) {
    super()
    this.#door = door
    this.#subject = subject
  }

  onModuleInit(): Promise<void> {
    return this.#door.ready()
  }

  async onApplicationShutdown(): Promise<void> {
    try {
      await this.#door.close()
    } finally {
      this.#subject.complete()
    }
  }
}

function openDoor(
  options: SessionModuleOptions,
  host: HttpAdapterHost,
  subject: Subject<SessionEvent>,
  config: ApplicationConfig,
  modules: ModulesContainer,
  guard: SessionPolicyGuard,
  filter: SessionExceptionFilter,
): Door {
  const { user: _user, signIn: _signIn, onEvent, ...sessionOptions } = options
  callable('onEvent', onEvent)
  const routes = routeChoices(modules)
  // Nest adds those of the application after these, so that the guard comes before all others, and any filter goes over ours.
  if (routes.storeDown || routes.crossSite || routes.fresh) config.useGlobalGuards(guard)
  config.useGlobalFilters(filter)
  const tell = (event: SessionEvent): void => {
    subject.next(event)
    return onEvent?.(event)
  }
  const door = new Door({ log, ...sessionOptions, onEvent: tell }, () => trustProxyOf(host), routes)
  mount(door, host)
  return door
}

const logger = new Logger('SessionModule')

const METHODS = { info: 'log', warn: 'warn', error: 'error' } as const

/** The fields go along as Nest's own loggers take them. */
function log(line: string, { level, ...fields }: LogFields): void {
  logger[METHODS[level]](line, fields)
}
