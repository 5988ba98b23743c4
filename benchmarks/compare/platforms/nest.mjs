import 'reflect-metadata'
import { Controller, Get, HttpCode, Module, Param, Post, Req } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { change, fill, read, signIn } from '../pages.mjs'

export const openNestExpress = (library, settings) => open(library, settings, new ExpressAdapter(), library.express)

export const openNestFastify = (library, settings) =>
  open(library, settings, new FastifyAdapter({ forceCloseConnections: true }), library.fastify)

/** The pages in a Nest application. Answers the server's listener and how to close it. */
async function open(library, settings, adapter, mount) {
  const own = await library.nest?.(settings, adapter.getType())
  const app = await NestFactory.create(appModule(library, own?.imports ?? []), adapter, { logger: ['error', 'fatal'] })
  const close = own ? own.close : await mount?.(adapter.getInstance(), settings)
  await app.listen(0, '127.0.0.1')
  return {
    server: app.getHttpServer(),
    async close() {
      app.getHttpServer().closeAllConnections()
      await app.close()
      await close?.()
    },
  }
}

function appModule({ sessionOf, renew, keep, end }, imports) {
  const answer = keep ? (request, body) => keep(sessionOf(request)).then(() => body) : (_request, body) => body
  const done = (verb, request) =>
    new Promise((resolve, reject) => verb(request, (error) => (error ? reject(error) : resolve(undefined))))

  class Pages {
    read(request) {
      return answer(request, read(sessionOf(request)))
    }
    change(request) {
      return answer(request, change(sessionOf(request)))
    }
    fill(request) {
      return answer(request, fill(sessionOf(request)))
    }
    async signIn(request, user) {
      await done(renew, request)
      return answer(request, signIn(sessionOf(request), Number(user)))
    }
    async signOut(request) {
      await done(end, request)
      return { user: null }
    }
  }
  class AppModule {}

  decorate(Pages, 'read', Get('read'))
  decorate(Pages, 'change', Post('change'))
  decorate(Pages, 'fill', Post('fill'))
  decorate(Pages, 'signIn', Post('sign-in/:user'))
  decorate(Pages, 'signOut', Post('sign-out'))
  Param('user')(Pages.prototype, 'signIn', 1)
  Controller()(Pages)
  Module({ imports, controllers: [Pages] })(AppModule)
  return AppModule
}

/** What the syntax of decorators does, which Node does not have: the request, a route and its status. */
function decorate(type, name, route) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, name)
  Req()(type.prototype, name, 0)
  route(type.prototype, name, descriptor)
  HttpCode(200)(type.prototype, name, descriptor)
}
