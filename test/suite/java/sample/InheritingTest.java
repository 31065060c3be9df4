package sample;

class InheritingTest extends AbstractBaseTest {
}
