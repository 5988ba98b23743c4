import { Injectable, NestMiddleware } from '@nestjs/common'
import { Request, Response, NextFunction } from 'express'
import session from 'express-session'
import RedisStore from 'connect-redis'
import { createClient } from 'redis'
import { ConfigService } from '@nestjs/config'

@Injectable()
export class SessionMiddleware implements NestMiddleware {
  private sessionMiddleware: ReturnType<typeof session>

  constructor(private configService: ConfigService) {
    const redisClient = createClient({
      url: this.configService.get('REDIS_URL') || 'redis://localhost:6379',
    })
    redisClient.connect()

    this.sessionMiddleware = session({
      store: new RedisStore({ client: redisClient }),
      secret: this.configService.get('SESSION_SECRET'),
      resave: false,
      saveUninitialized: false,
      name: 'sessionId',
      cookie: {
        secure: this.configService.get('NODE_ENV') === 'production',
        httpOnly: true,
        maxAge: 24 * 60 * 60 * 1000,
        sameSite: 'lax',
        path: '/',
      },
    })
  }

  use(req: Request, res: Response, next: NextFunction) {
    this.sessionMiddleware(req, res, next)
  }
}

declare module 'express-session' {
  interface SessionData {
    userId: number
    email: string
    role: string
  }
}
