import { readdirSync, readFileSync } from 'node:fs'
import { Controller, Get, Header, NotFoundException, Param } from '@nestjs/common'

/** The page and its files, the same on Express and on Fastify. They are few and small, so they are read once. */
@Controller()
export class PagesController {
  private readonly page = read('index.html')
  private readonly styles = read('portal.css')
  private readonly accountStyles = read('account.css')
  private readonly script = read('portal.js')
  private readonly modules = new Map(readdirSync(PUBLIC_MODULES).map((name) => [name, read(`portal/${name}`)]))
  private readonly icon = read('icon.svg')

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  getPage(): string {
    return this.page
  }

  @Get('portal.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  getStyles(): string {
    return this.styles
  }

  @Get('account.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  getAccountStyles(): string {
    return this.accountStyles
  }

  @Get('portal.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  getScript(): string {
    return this.script
  }

  /** What the script imports. */
  @Get('portal/:name')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  getModule(@Param('name') name: string): string {
    const script = this.modules.get(name)
    if (script === undefined) throw new NotFoundException()
    return script
  }

  @Get('icon.svg')
  @Header('Content-Type', 'image/svg+xml')
  @Header('Cache-Control', 'no-cache')
  getIcon(): string {
    return this.icon
  }
}

const PUBLIC_MODULES = new URL('../../public/portal/', import.meta.url)

/** From `src` and from `dist` alike. */
function read(name: string): string {
  return readFileSync(new URL(`../../public/${name}`, import.meta.url), 'utf8')
}
