import { Controller, Get, UseGuards } from '@nestjs/common'
import { minutes, RecentLoginGuard, RequireRecentLogin } from 'latchkey'
import { afterAll, describe, expect, test } from 'vitest'
import { closeAccounts, look, sharedAccount, signIn } from '../support/account.js'
import { adapters } from '../support/nest.js'

const ANN = { id: 7 }

@Controller('vault')
@RequireRecentLogin(minutes(5))
class VaultController {
  @Get()
  open(): string {
    return 'open'
  }

  @Get('inner')
  @RequireRecentLogin(minutes(1))
  inner(): string {
    return 'inner'
  }
}

@Controller('door')
class DoorController {
  @Get('guarded')
  @RequireRecentLogin(minutes(5))
  guarded(): string {
    return 'guarded'
  }

  @Get('free')
  @UseGuards(RecentLoginGuard)
  free(): string {
    return 'free'
  }
}

afterAll(closeAccounts)

describe.each(adapters)('on $name', (adapter) => {
  describe('session.authenticatedAt', () => {
    test('is when the subject signed in, through all that comes after', async () => {
      const { agent, clock } = await sharedAccount(adapter, [VaultController, DoorController])
      const ann = agent()
      await ann.get('/set?cart=1')
      expect(await look(ann)).not.toHaveProperty('authenticatedAt')
      clock.advance(minutes(3))
      const authenticatedAt = clock.now()
      await signIn(ann, ANN)
      for (const path of ['/session', '/set?cart=2', '/rotate', '/set?userId=7', '/session']) {
        clock.advance(minutes(3))
        await ann.get(path)
        expect((await look(ann)).authenticatedAt).toBe(authenticatedAt)
      }
    })

    test('is there for a sign-in by assigning the subject too', async () => {
      const { agent, clock } = await sharedAccount(adapter, [VaultController, DoorController])
      const ann = agent()
      await ann.get('/set?userId=7')
      expect((await look(ann)).authenticatedAt).toBe(clock.now())
    })
  })

  describe('@RequireRecentLogin', () => {
    test('answers 401 to who is not signed in', async () => {
      const { agent } = await sharedAccount(adapter, [VaultController, DoorController])
      const ann = agent()
      for (const _ of ['without a session', 'with an anonymous one']) {
        const response = await ann.get('/vault')
        expect(response.status).toBe(401)
        expect(await response.json()).toMatchObject({ statusCode: 401, message: 'Session not found' })
        await ann.get('/set?cart=1')
      }
    })

    test('answers 403, with a code to act on, to who signed in longer ago, until the next login', async () => {
      const { agent, clock } = await sharedAccount(adapter, [VaultController, DoorController])
      const ann = agent()
      await signIn(ann, ANN)
      clock.advance(minutes(5) - 1)
      expect(await (await ann.get('/vault')).text()).toBe('open')
      clock.advance(1)
      const response = await ann.get('/vault')
      expect(response.status).toBe(403)
      expect(await response.json()).toEqual({
        statusCode: 403,
        code: 'RECENT_LOGIN_REQUIRED',
        error: 'Forbidden',
        message: 'You signed in too long ago for this. Sign in again.',
      })
      // Neither use nor a new id nor the same subject once more is a login.
      for (const path of ['/session', '/rotate', '/set?userId=7']) await ann.get(path)
      expect((await ann.get('/vault')).status).toBe(403)
      await signIn(ann, ANN)
      expect((await ann.get('/vault')).status).toBe(200)
    })

    test('on a method goes before that on its class, and holds alone', async () => {
      const { agent, clock } = await sharedAccount(adapter, [VaultController, DoorController])
      const ann = agent()
      expect((await ann.get('/door/guarded')).status).toBe(401)
      expect((await ann.get('/door/free')).status).toBe(200)
      await signIn(ann, ANN)
      expect((await ann.get('/vault/inner')).status).toBe(200)
      clock.advance(minutes(1))
      const statuses: number[] = []
      for (const path of ['/vault/inner', '/vault', '/door/guarded']) statuses.push((await ann.get(path)).status)
      expect(statuses).toEqual([403, 200, 200])
      clock.advance(minutes(4))
      expect((await ann.get('/door/guarded')).status).toBe(403)
      expect((await ann.get('/door/free')).status).toBe(200)
    })
  })
})

test.each([0, -1, Number.NaN, Infinity, '5m', undefined])('@RequireRecentLogin(%s) is refused', (within) => {
  expect(() => RequireRecentLogin(within as number)).toThrow(
    expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining('such as minutes(5)') }),
  )
})
