import { Injectable, Inject } from '@nestjs/common'
import { CACHE_MANAGER } from '@nestjs/cache-manager'
import { Cache } from 'cache-manager'

@Injectable()
export class SessionService {
  constructor(@Inject(CACHE_MANAGER) private cacheManager: Cache) {}

  async getSession(sessionId: string): Promise<any> {
    return this.cacheManager.get(`session:${sessionId}`)
  }

  async setSession(sessionId: string, data: any, ttl?: number): Promise<void> {
    await this.cacheManager.set(`session:${sessionId}`, data, ttl)
  }

  async destroySession(sessionId: string): Promise<void> {
    await this.cacheManager.del(`session:${sessionId}`)
  }

  async updateSession(sessionId: string, data: Partial<any>): Promise<void> {
    const session = await this.getSession(sessionId)
    await this.setSession(sessionId, { ...session, ...data })
  }

  async getUserFromSession(sessionId: string): Promise<any> {
    const session = await this.getSession(sessionId)
    return session?.user
  }
}
