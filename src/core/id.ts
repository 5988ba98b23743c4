import { hash } from 'node:crypto'
import { Hmac } from './hmac.js'
import { randomText } from './random.js'

/** Length of an id: a tag of 8 characters and 256 random bits in 43, base64url. */
export const ID_LENGTH = 51

/** Length of the tag that an id and its key begin with. */
export const TAG_LENGTH = 8

/**
 * A new id: the secret in the cookie. Its tag is derived from the subject, so that all sessions of one subject share a
 * Redis Cluster slot; an anonymous session's tag is random.
 */
export function newId(subject: string | undefined): string {
  return (subject === undefined ? randomText(6) : tagOf(subject)) + randomText(32)
}

/** The key under which a store keeps the record of `id`: nothing in it leads back to the id. */
export function keyOf(id: string): string {
  return id.slice(0, TAG_LENGTH) + hash('sha256', id, 'base64url')
}

/** A new handle: 96 random bits in 16 characters, base64url. */
export function newHandle(): string {
  return randomText(12)
}

/**
 * The tag of a subject: 48 bits of a keyed hash. The key is a constant of the format, not the secret, because changing
 * the secret must not move a subject's sessions (see `docs/decisions/0001-tag-and-index.md`).
 */
export function tagOf(subject: string): string {
  return TAGS.base64url(subject).slice(0, TAG_LENGTH)
}

const TAGS = new Hmac(Buffer.from('latchkey:tag:1'))
