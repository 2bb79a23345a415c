import { describe, expect, it } from 'vitest';
import { parseReference } from '../../../src/spec/reference.js';
import { refusal } from '../support.js';

describe('the name of an image', () => {
  it.each([
    ['alpine', 'alpine:latest'],
    ['alpine:3.20', 'alpine:3.20'],
    ['docker.io/library/alpine', 'alpine:latest'],
    ['docker.io/team/app:v1', 'team/app:v1'],
    ['registry.example:5000/team/app', 'registry.example:5000/team/app:latest'],
    ['localhost:5000/app:1_2.3-x', 'localhost:5000/app:1_2.3-x'],
    ['a/b__c/d-e.f', 'a/b__c/d-e.f:latest'],
  ])('%s is %s', (text, name) => {
    expect(parseReference(text)).toBe(name);
    expect(parseReference(name)).toBe(name);
  });

  it.each([
    '',
    'Alpine',
    'a b',
    '../a',
    'a/../b',
    'a:',
    'a:b:c',
    '/a',
    'a/',
    'a@sha256:00',
    '-a',
    'a'.repeat(256),
    'a:-b',
    '__proto__',
  ])('%s is refused', (text) => {
    expect(refusal(() => parseReference(text)).code).toBe('SPEC_INVALID');
  });
});
